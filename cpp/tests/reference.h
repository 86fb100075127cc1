// Slow, obvious implementations of the core's functions, written from the rules, not from its code.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

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

/// Returns the weight of each input sample of output sample `o`, in units of 2^-22.
inline std::map<int, std::int64_t> weights(int input, int output, int o) {
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
    std::map<int, std::int64_t> fixed;
    for (const auto& [i, value] : kernel) fixed[i] = std::llround(value / sum * (1 << 22));
    return fixed;
}

inline std::uint8_t round_off(std::int64_t sum) {
    const auto floored = static_cast<std::int64_t>(std::floor((static_cast<double>(sum) + (1 << 21)) / (1 << 22)));
    return static_cast<std::uint8_t>(std::clamp<std::int64_t>(floored, 0, 255));
}

inline Bytes widen(const Bytes& image, int width, int height, int new_width) {
    Bytes out;
    std::vector<std::map<int, std::int64_t>> all;
    for (int x = 0; x < new_width; ++x) all.push_back(weights(width, new_width, x));
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < new_width; ++x) {
            for (int c = 0; c < 3; ++c) {
                std::int64_t sum = 0;
                for (const auto& [i, weight] : all[static_cast<std::size_t>(x)]) {
                    sum += weight * image[static_cast<std::size_t>((y * width + i) * 3 + c)];
                }
                out.push_back(round_off(sum));
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

inline Bytes heighten(const Bytes& image, int width, int height, int new_height) {
    return transpose(widen(transpose(image, width, height), height, width, new_height), new_height, width);
}

inline Bytes resize(const Bytes& image, int width, int height, int new_width, int new_height, bool pillow13) {
    if (pillow13 && new_height < height && height - new_height > 2 * (width - new_width)) {
        return widen(heighten(image, width, height, new_height), width, new_height, new_width);
    }
    return heighten(widen(image, width, height, new_width), new_width, height, new_height);
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

/// Returns float patches (channel, frame, y, x) of such patches, with `area` values per channel.
inline std::vector<float> normalize(const Bytes& patches, int area, int frames, const double* mean, const double* std) {
    std::vector<float> out;
    for (auto channel = patches.begin(); channel != patches.end(); channel += area) {
        const auto c = (channel - patches.begin()) / area % 3;
        for (int frame = 0; frame < frames; ++frame) {
            for (auto value = channel; value != channel + area; ++value) {
                const auto rescaled = static_cast<float>(*value / 255.0);
                out.push_back((rescaled - static_cast<float>(mean[c])) / static_cast<float>(std[c]));
            }
        }
    }
    return out;
}

}  // namespace reference
