// The number and size of the patches of an image.
#pragma once

#include <cstdint>

#include "image.h"

namespace saccade {

/// Sizes of the square patches of a model. A token is a merge block of merge_size x merge_size patches.
struct PatchSpec {
    std::int64_t patch_size;  // pixels per side
    std::int64_t merge_size;  // patches per side of a token
};

/// The number of patches of an image, and the number of values in each.
struct PatchesShape {
    std::int64_t patches;
    std::int64_t values;
};

/// The caller's argument names, for error messages.
struct SizeNames {
    const char* width = "width";
    const char* height = "height";
    const char* frames = "frames";
};

/// Returns the shape of an image's patches. Throws InputError unless the sides are multiples of a token's side.
PatchesShape patches_shape(std::int64_t width, std::int64_t height, const PatchSpec& spec, std::int64_t frames,
                           const SizeNames& names);

}  // namespace saccade
