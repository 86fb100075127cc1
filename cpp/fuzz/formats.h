// The pixel formats of the core.
#pragma once

#include "reference.h"
#include "saccade.h"

namespace formats {

inline int bytes_per_pixel(int format) {
    return format == SACCADE_FORMAT_RGB ? 3 : format == SACCADE_FORMAT_GREY ? 1 : 4;
}

/// Returns RGB pixels stored in a format with a stride, in memory of the exact size, so that reads past the last pixel
/// are found. Grey keeps the first channel. Fourth bytes and bytes between rows are noise, which must not matter.
inline reference::Bytes stored(const reference::Bytes& rgb, int width, int format, int stride) {
    const int bytes = bytes_per_pixel(format), height = static_cast<int>(rgb.size()) / 3 / width;
    reference::Bytes out = reference::noise(static_cast<std::size_t>(stride * (height - 1) + bytes * width), 77);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (int c = 0; c < std::min(bytes, 3); ++c) {
                const int at = y * stride + x * bytes + (format == SACCADE_FORMAT_BGRA ? 2 - c : c);
                out[static_cast<std::size_t>(at)] = rgb[static_cast<std::size_t>((y * width + x) * 3 + c)];
            }
        }
    }
    return out;
}

/// Returns the RGB values of those pixels: for grey, the first channel three times.
inline reference::Bytes as_rgb(reference::Bytes rgb, int format) {
    if (format == SACCADE_FORMAT_GREY) {
        for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = rgb[i - i % 3];
    }
    return rgb;
}

}  // namespace formats
