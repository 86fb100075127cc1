#include "patchify.h"

namespace saccade {

PatchesShape patches_shape(std::int64_t width, std::int64_t height, const Cut& cut, std::int64_t frames) {
    check_side(width, "width");
    check_side(height, "height");
    check_side(cut.patch_size, "patch_size");
    check_side(cut.merge_size, "merge_size");
    check_side(frames, "temporal_patch_size");
    const std::int64_t factor = cut.patch_size * cut.merge_size;
    if (width % factor != 0 || height % factor != 0) {
        reject("image is ", width, "x", height, "; its sides must be multiples of patch_size ", cut.patch_size,
               " x merge_size ", cut.merge_size, " = ", factor, "; resize it first");
    }
    const std::int64_t values = checked_multiply(kChannels * cut.patch_size * cut.patch_size, frames, "patches");
    const std::int64_t patches = height / cut.patch_size * (width / cut.patch_size);
    checked_multiply(values, patches, "patches");
    return {patches, values};
}

}  // namespace saccade
