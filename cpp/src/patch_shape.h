// Cutting a resized image into the patches a vision tower reads.
#pragma once

#include <cstdint>

#include "image.h"

namespace saccade {

/// How an image is cut: square patches, merge_size x merge_size of them one token.
struct Cut {
    std::int64_t patch_size;
    std::int64_t merge_size;
};

/// Number of patches and of values in each.
struct PatchesShape {
    std::int64_t patches;
    std::int64_t values;
};

/// What the caller calls them, for messages.
struct SizeNames {
    const char* width = "width";
    const char* height = "height";
    const char* frames = "frames";
};

/// Throws InputError unless an image of this size can be cut so.
PatchesShape patches_shape(std::int64_t width, std::int64_t height, const Cut& cut, std::int64_t frames,
                           const SizeNames& names);

}  // namespace saccade
