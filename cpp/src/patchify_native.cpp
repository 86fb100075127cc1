#include "patchify_native.h"

#include "patch_sink.h"

namespace saccade {
namespace {

/// An output of PatchSink that stores patches unchanged.
struct NativeOutput {
    std::uint8_t* patches;
    std::int64_t values;

    std::uint8_t* target(std::int64_t, std::int64_t index) const { return patches + index * values; }
    void filled(std::int64_t, std::int64_t) const {}
};

/// A planned image.
class NativePlan {
  public:
    NativePlan(const Kernel& kernel, const PatchesRequest<std::uint8_t>& request, const PatchSpec& spec,
               std::int64_t window_size)
        : size_(request.size),
          spec_(spec),
          order_(size_, spec, window_size),
          output_{request.patches, kChannels * spec.patch_size * spec.patch_size},
          plan_(kernel, request.source, request.size, request.backend) {}

    StripJob job() const {
        return {&plan_, spec_.patch_size, [this](std::int64_t first, std::int64_t end, Workspace& workspace) {
                    PatchSink sink(plan_.kernel(), size_, spec_, order_, output_, workspace.band);
                    plan_.strip(first, end, workspace, sink);
                }};
    }

  private:
    ImageSize size_;
    PatchSpec spec_;
    PatchOrder order_;
    NativeOutput output_;
    Resampling plan_;
};

}  // namespace

void patchify_native(std::span<const PatchesRequest<std::uint8_t>> requests, const PatchSpec& spec,
                     std::int64_t window_size) {
    const Kernel& kernel = selected_kernel();
    for_each_image(requests.size(), [&](std::size_t i) {
        check_request(requests[i], spec, 1);
        if (window_size != 0) window_side(window_size, spec.merge_size, spec.patch_size);
    });
    run_planned(requests.size(),
                [&](std::size_t i) { return std::make_unique<NativePlan>(kernel, requests[i], spec, window_size); });
}

}  // namespace saccade
