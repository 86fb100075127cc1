// A view of the caller's image.
#pragma once

#include <cstdint>

#include "checked.h"

namespace saccade {

inline constexpr std::int64_t kChannels = 3;

/// The order of a pixel's channels, one byte each.
enum class PixelFormat : std::int32_t {
    kRgb = SACCADE_FORMAT_RGB,
    kRgba = SACCADE_FORMAT_RGBA,
    kBgra = SACCADE_FORMAT_BGRA,
    kGrey = SACCADE_FORMAT_GREY,
};

inline std::int64_t bytes_per_pixel(PixelFormat format) {
    return format == PixelFormat::kGrey ? 1 : format == PixelFormat::kRgb ? kChannels : 4;
}

/// An image in the caller's memory: interleaved pixels, 8 bits per channel.
struct Image {
    const std::uint8_t* pixels;
    std::int64_t width;
    std::int64_t height;
    std::int64_t stride;  // bytes between row starts
    PixelFormat format = PixelFormat::kRgb;

    const std::uint8_t* row(std::int64_t y) const { return pixels + y * stride; }
};

/// Throws InputError about `what` unless the sides, pointer, format and stride are valid.
inline void check_image(const Image& image, const char* what) {
    if (image.width < 1 || image.width > kMaxSide || image.height < 1 || image.height > kMaxSide) {
        reject(what, ": expected sides from 1 to ", kMaxSide, "; got ", image.width, "x", image.height);
    }
    if (image.pixels == nullptr) reject(what, ": expected a pointer; got NULL");
    const auto format = static_cast<std::int32_t>(image.format);
    if (format < SACCADE_FORMAT_RGB || format > SACCADE_FORMAT_GREY) {
        reject("format: expected 0 (RGB), 1 (RGBA), 2 (BGRA) or 3 (grey); got ", format);
    }
    constexpr const char* names[] = {"RGB", "RGBA", "BGRA", "grey"};
    const std::int64_t packed = bytes_per_pixel(image.format) * image.width;
    if (image.stride < packed) {
        reject(what, ": expected a stride of at least ", packed, " bytes for ", image.width, " ", names[format],
               " pixels; got ", image.stride);
    }
    checked_multiply(image.stride, image.height, what);
}

}  // namespace saccade
