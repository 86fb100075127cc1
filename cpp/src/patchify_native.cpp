#include "patchify_native.h"

#include "patch_sink.h"

namespace saccade {
namespace {

/// Patches go where they belong as they are.
struct InPlace {
    std::uint8_t* patches;
    std::int64_t values;

    std::uint8_t* target(std::int64_t, std::int64_t place) const { return patches + place * values; }
    void filled(std::int64_t, std::int64_t) const {}
};

class Planned {
  public:
    Planned(const Kernel& kernel, const PatchesRequest<std::uint8_t>& request, const Cut& cut, std::int64_t window_size)
        : size_(request.size),
          cut_(cut),
          places_(size_, cut, window_size),
          output_{request.patches, kChannels * cut.patch_size * cut.patch_size},
          plan_(kernel, request.source, request.size, request.order) {}

    StripJob job() const {
        return {&plan_, cut_.patch_size, [this](std::int64_t first, std::int64_t end, Workspace& workspace) {
                    PatchSink sink(plan_.kernel(), size_, cut_, places_, output_, workspace.band);
                    plan_.strip(first, end, workspace, sink);
                }};
    }

  private:
    ImageSize size_;
    Cut cut_;
    PatchOrder places_;
    InPlace output_;
    Resampling plan_;
};

}  // namespace

void native_patches(std::span<const PatchesRequest<std::uint8_t>> requests, const Cut& cut, std::int64_t window_size) {
    const Kernel& kernel = selected_kernel();
    for_each_image(requests.size(), [&](std::size_t i) {
        check_request(requests[i], cut, 1);
        if (window_size != 0) window_side(window_size, cut.merge_size, cut.patch_size);
    });
    run_planned(requests.size(),
                [&](std::size_t i) { return std::make_unique<Planned>(kernel, requests[i], cut, window_size); });
}

}  // namespace saccade
