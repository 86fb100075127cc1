#include "patch_shape.h"

namespace saccade {
namespace {

void check_multiple(std::int64_t side, const PatchSpec& spec, const char* what) {
    const std::int64_t factor = spec.patch_size * spec.merge_size;
    if (side % factor != 0) {
        reject(what, ": expected a multiple of patch_size ", spec.patch_size, " x merge_size ", spec.merge_size, " = ",
               factor, "; got ", side);
    }
}

}  // namespace

PatchesShape patches_shape(std::int64_t width, std::int64_t height, const PatchSpec& spec, std::int64_t frames,
                           const SizeNames& names) {
    check_side(width, names.width);
    check_side(height, names.height);
    check_side(spec.patch_size, "patch_size");
    check_side(spec.merge_size, "merge_size");
    check_side(frames, names.frames);
    check_multiple(width, spec, names.width);
    check_multiple(height, spec, names.height);
    const std::int64_t values = checked_multiply(kChannels * spec.patch_size * spec.patch_size, frames, "patches");
    const std::int64_t patches = height / spec.patch_size * (width / spec.patch_size);
    checked_multiply(values, patches, "patches");
    return {patches, values};
}

}  // namespace saccade
