// Slow, obvious implementations of the core's functions, written from the rules, not from its code.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "saccade.h"

namespace reference {

using Bytes = std::vector<std::uint8_t>;

inline Bytes noise(std::size_t size, std::uint32_t seed) {
    Bytes bytes(size);
    for (auto& byte : bytes) {
        seed = seed * 1664525U + 1013904223U;
        byte = static_cast<std::uint8_t>(seed >> 24);
    }
    return bytes;
}

/// Returns the exact weight of each input sample of output sample `o`.
inline std::map<int, double> exact_weights(int input, int output, int o) {
    const double scale = static_cast<double>(input) / output;
    const double stretch = scale > 1.0 ? scale : 1.0;
    const double center = (o + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - 2.0 * stretch + 0.5));
    const int end = std::min(input, static_cast<int>(center + 2.0 * stretch + 0.5));
    std::map<int, double> kernel;
    double sum = 0.0;
    for (int i = first; i < end; ++i) {
        const double x = std::fabs((i - center + 0.5) * (1.0 / stretch));
        double value = 0.0;
        if (x < 1.0) {
            value = (1.5 * x - 2.5) * x * x + 1.0;
        } else if (x < 2.0) {
            value = (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5;
        }
        kernel[i] = value;
        sum += value;
    }
    for (auto& [i, value] : kernel) value /= sum;
    return kernel;
}

/// The weights of all output samples of an axis, in units of 1 / one.
struct Axis {
    double one;
    std::vector<std::map<int, std::int64_t>> weights;
};

/// Pillow's weights have 22 fraction bits. torchvision's have the most bits, up to 22, with which the largest weight of
/// the axis is below 2^15.
inline Axis axis(int input, int output, bool torchvision) {
    std::vector<std::map<int, double>> exact;
    double largest = 0.0;
    for (int o = 0; o < output; ++o) {
        exact.push_back(exact_weights(input, output, o));
        for (const auto& [i, value] : exact.back()) largest = std::max(largest, value);
    }
    Axis result{std::exp2(22), {}};
    while (torchvision && std::llround(largest * result.one) >= 1 << 15) result.one /= 2;
    for (const auto& kernel : exact) {
        result.weights.emplace_back();
        for (const auto& [i, value] : kernel) result.weights.back()[i] = std::llround(value * result.one);
    }
    return result;
}

inline std::uint8_t round_off(std::int64_t sum, double one) {
    const auto floored = static_cast<std::int64_t>(std::floor((static_cast<double>(sum) + one / 2) / one));
    return static_cast<std::uint8_t>(std::clamp<std::int64_t>(floored, 0, 255));
}

inline Bytes widen(const Bytes& image, int width, int height, int new_width, bool torchvision) {
    Bytes out;
    const Axis columns = axis(width, new_width, torchvision);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < new_width; ++x) {
            for (int c = 0; c < 3; ++c) {
                std::int64_t sum = 0;
                for (const auto& [i, weight] : columns.weights[static_cast<std::size_t>(x)]) {
                    sum += weight * image[static_cast<std::size_t>((y * width + i) * 3 + c)];
                }
                out.push_back(round_off(sum, columns.one));
            }
        }
    }
    return out;
}

inline Bytes transpose(const Bytes& image, int width, int height) {
    Bytes out(image.size());
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (int c = 0; c < 3; ++c) {
                out[static_cast<std::size_t>((x * height + y) * 3 + c)] =
                    image[static_cast<std::size_t>((y * width + x) * 3 + c)];
            }
        }
    }
    return out;
}

inline Bytes heighten(const Bytes& image, int width, int height, int new_height, bool torchvision) {
    return transpose(widen(transpose(image, width, height), height, width, new_height, torchvision), new_height, width);
}

/// backend: a SACCADE_BACKEND_... .
inline Bytes resize(const Bytes& image, int width, int height, int new_width, int new_height, int backend) {
    const bool torchvision = backend == SACCADE_BACKEND_TORCHVISION;
    if (backend == SACCADE_BACKEND_PILLOW13 && new_height < height && height - new_height > 2 * (width - new_width)) {
        return widen(heighten(image, width, height, new_height, false), width, new_height, new_width, false);
    }
    return heighten(widen(image, width, height, new_width, torchvision), new_width, height, new_height, torchvision);
}

/// Returns the window order of a frame's tokens, sorted by window row, window column, row, column.
inline std::vector<int> window_order(int rows, int columns, int side) {
    std::vector<int> order;
    for (int token = 0; token < rows * columns; ++token) order.push_back(token);
    const auto rank = [&](int token) { return std::tuple(token / columns / side, token % columns / side, token); };
    std::sort(order.begin(), order.end(), [&](int a, int b) { return rank(a) < rank(b); });
    return order;
}

/// Returns the patches (channel, y, x) of an image: tokens in `order`, the patches of a token in raster order.
inline Bytes patchify(const Bytes& image, int width, int patch, int merge, const std::vector<int>& order) {
    const int factor = patch * merge, columns = width / factor;
    Bytes out;
    for (const int token : order) {
        for (int part = 0; part < merge * merge; ++part) {
            const int top = token / columns * factor + part / merge * patch;
            const int left = token % columns * factor + part % merge * patch;
            for (int c = 0; c < 3; ++c) {
                for (int y = top; y < top + patch; ++y) {
                    for (int x = left; x < left + patch; ++x) {
                        out.push_back(image[static_cast<std::size_t>((y * width + x) * 3 + c)]);
                    }
                }
            }
        }
    }
    return out;
}

/// Returns a normalized value of the backend.
inline float normalized(std::uint8_t byte, double mean, double std, int backend) {
    const auto m = static_cast<float>(mean), s = static_cast<float>(std);
    if (backend == SACCADE_BACKEND_TORCHVISION) return (static_cast<float>(byte) - m * 255.0F) / (s * 255.0F);
    return (static_cast<float>(byte / 255.0) - m) / s;
}

/// Returns float patches (channel, frame, y, x) of such patches, with `area` values per channel.
inline std::vector<float> normalize(const Bytes& patches, int area, int frames, const double* mean, const double* std,
                                    int backend) {
    std::vector<float> out;
    for (auto channel = patches.begin(); channel != patches.end(); channel += area) {
        const auto c = (channel - patches.begin()) / area % 3;
        for (int frame = 0; frame < frames; ++frame) {
            for (auto value = channel; value != channel + area; ++value) {
                out.push_back(normalized(*value, mean[c], std[c], backend));
            }
        }
    }
    return out;
}

}  // namespace reference
