// The resized size of an image.
#pragma once

#include <cstdint>

namespace saccade {

/// A size in pixels.
struct Size {
    std::int64_t height;
    std::int64_t width;
};

/// Computes transformers' smart_resize. The contract is in saccade.h.
Size smart_resize(std::int64_t height, std::int64_t width, std::int64_t factor, std::int64_t min_pixels,
                  std::int64_t max_pixels);

}  // namespace saccade
