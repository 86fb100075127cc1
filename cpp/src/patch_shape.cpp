#include "patch_shape.h"

namespace saccade {
namespace {

void check_multiple(std::int64_t side, const Cut& cut, const char* what) {
    const std::int64_t factor = cut.patch_size * cut.merge_size;
    if (side % factor != 0) {
        reject(what, " is ", side, "; it must be a multiple of patch_size ", cut.patch_size, " x merge_size ",
               cut.merge_size, " = ", factor);
    }
}

}  // namespace

PatchesShape patches_shape(std::int64_t width, std::int64_t height, const Cut& cut, std::int64_t frames,
                           const SizeNames& names) {
    check_side(width, names.width);
    check_side(height, names.height);
    check_side(cut.patch_size, "patch_size");
    check_side(cut.merge_size, "merge_size");
    check_side(frames, names.frames);
    check_multiple(width, cut, names.width);
    check_multiple(height, cut, names.height);
    const std::int64_t values = checked_multiply(kChannels * cut.patch_size * cut.patch_size, frames, "patches");
    const std::int64_t patches = height / cut.patch_size * (width / cut.patch_size);
    checked_multiply(values, patches, "patches");
    return {patches, values};
}

}  // namespace saccade
