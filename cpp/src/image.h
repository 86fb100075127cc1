// A borrowed RGB image.
#pragma once

#include <cstdint>

#include "checked.h"

namespace saccade {

inline constexpr std::int64_t kChannels = 3;

/// Interleaved 8-bit RGB; the memory belongs to the caller.
struct Image {
    const std::uint8_t* pixels;
    std::int64_t width;
    std::int64_t height;
    std::int64_t stride;  // bytes from one row to the next

    const std::uint8_t* row(std::int64_t y) const { return pixels + y * stride; }
};

inline void check_image(const Image& image, const char* what) {
    if (image.width < 1 || image.width > kMaxSide || image.height < 1 || image.height > kMaxSide) {
        reject(what, " is ", image.width, "x", image.height, "; its sides must be from 1 to ", kMaxSide);
    }
    if (image.pixels == nullptr) reject(what, " is NULL");
    if (image.stride < kChannels * image.width) {
        reject(what, " has rows ", image.stride, " bytes apart; ", image.width, " RGB pixels need ",
               kChannels * image.width);
    }
    checked_multiply(image.stride, image.height, what);
}

}  // namespace saccade
