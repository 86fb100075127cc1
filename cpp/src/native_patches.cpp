#include "native_patches.h"

#include "patch_sink.h"
#include "strips.h"

namespace saccade {
namespace {

/// Patches go where they belong as they are.
struct InPlace {
    std::uint8_t* patches;
    std::int64_t values;

    std::uint8_t* target(std::int64_t, std::int64_t place) const { return patches + place * values; }
    void filled(std::int64_t, std::int64_t) const {}
};

}  // namespace

void native_patches(const Image& source, const ImageSize& size, PassOrder order, const Cut& cut,
                    std::int64_t window_size, std::uint8_t* patches, std::int64_t capacity) {
    const Kernel& kernel = selected_kernel();
    check_resize(source, size, order);
    const PatchesShape shape = patches_shape(size.width, size.height, cut, 1);
    check_capacity(capacity, shape.patches * shape.values, "patches");
    const PatchOrder places(size, cut, window_size);
    const Resampling plan(kernel, source, size, order);
    run_strips(plan, cut.patch_size, [&](std::int64_t first, std::int64_t end, Workspace& workspace) {
        PatchSink sink(kernel, size, cut, places, InPlace{patches, shape.values}, workspace.band);
        plan.strip(first, end, workspace, sink);
    });
}

}  // namespace saccade
