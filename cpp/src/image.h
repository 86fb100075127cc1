// A borrowed image.
#pragma once

#include <cstdint>

#include "checked.h"

namespace saccade {

inline constexpr std::int64_t kChannels = 3;

/// How the channels of a pixel lie, a byte each.
enum class PixelFormat : std::int32_t {
    kRgb = SACCADE_FORMAT_RGB,
    kRgba = SACCADE_FORMAT_RGBA,
    kBgra = SACCADE_FORMAT_BGRA,
    kGrey = SACCADE_FORMAT_GREY,
};

inline std::int64_t bytes_a_pixel(PixelFormat format) {
    return format == PixelFormat::kGrey ? 1 : format == PixelFormat::kRgb ? kChannels : 4;
}

/// Interleaved pixels of 8 bits a channel; the memory belongs to the caller.
struct Image {
    const std::uint8_t* pixels;
    std::int64_t width;
    std::int64_t height;
    std::int64_t stride;  // bytes from one row to the next
    PixelFormat format = PixelFormat::kRgb;

    const std::uint8_t* row(std::int64_t y) const { return pixels + y * stride; }
};

inline void check_image(const Image& image, const char* what) {
    if (image.width < 1 || image.width > kMaxSide || image.height < 1 || image.height > kMaxSide) {
        reject(what, " is ", image.width, "x", image.height, "; its sides must be from 1 to ", kMaxSide);
    }
    if (image.pixels == nullptr) reject(what, " is NULL");
    const auto format = static_cast<std::int32_t>(image.format);
    if (format < SACCADE_FORMAT_RGB || format > SACCADE_FORMAT_GREY) {
        reject("format is ", format, "; it must be 0 (RGB), 1 (RGBA), 2 (BGRA) or 3 (grey)");
    }
    constexpr const char* names[] = {"RGB", "RGBA", "BGRA", "grey"};
    const std::int64_t packed = bytes_a_pixel(image.format) * image.width;
    if (image.stride < packed) {
        reject(what, " has rows ", image.stride, " bytes apart; ", image.width, " ", names[format], " pixels need ",
               packed);
    }
    checked_multiply(image.stride, image.height, what);
}

}  // namespace saccade
