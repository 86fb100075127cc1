// The size an image is resized to.
#pragma once

#include <cstdint>

namespace saccade {

struct Size {
    std::int64_t height;
    std::int64_t width;
};

/// transformers' smart_resize; the contract is in saccade.h.
Size smart_resize(std::int64_t height, std::int64_t width, std::int64_t factor, std::int64_t min_pixels,
                  std::int64_t max_pixels);

}  // namespace saccade
