// The formats in which the core takes images.
#pragma once

#include "reference.h"
#include "saccade.h"

namespace formats {

inline int bytes_a_pixel(int format) {
    return format == SACCADE_FORMAT_RGB ? 3 : format == SACCADE_FORMAT_GREY ? 1 : 4;
}

/// RGB pixels as a format stores them, rows `stride` bytes apart and no byte more than they need: what reads beyond the
/// last pixel is caught. Grey keeps the first channel; a fourth byte and what is between the rows must make no
/// difference, and differ.
inline reference::Bytes stored(const reference::Bytes& rgb, int width, int format, int stride) {
    const int bytes = bytes_a_pixel(format), height = static_cast<int>(rgb.size()) / 3 / width;
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

/// What those pixels stand for: in grey, the first channel three times.
inline reference::Bytes seen(reference::Bytes rgb, int format) {
    if (format == SACCADE_FORMAT_GREY) {
        for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = rgb[i - i % 3];
    }
    return rgb;
}

}  // namespace formats
