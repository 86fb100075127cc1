#include "geometry.h"

#include <algorithm>
#include <cmath>

#include "checked.h"
#include "exact_float.h"

namespace saccade {
namespace {

constexpr std::int64_t kMaxExact = std::int64_t{1} << 53;  // beyond it, doubles skip integers

/// Rounds like Python's round(): to the nearest integer, ties to even. Independent of the thread's rounding mode.
double round_half_even(double value) {
    const double below = std::floor(value);
    const double rest = value - below;
    const bool up = rest > 0.5 || (rest == 0.5 && std::fmod(below, 2.0) != 0.0);
    return up ? below + 1.0 : below;
}

std::int64_t times(double count, std::int64_t factor) { return static_cast<std::int64_t>(count) * factor; }

}  // namespace

Size smart_resize(std::int64_t height, std::int64_t width, std::int64_t factor, std::int64_t min_pixels,
                  std::int64_t max_pixels) {
    check_side(height, "height");
    check_side(width, "width");
    check_side(factor, "factor");
    if (max_pixels < 1) reject("max_pixels: expected at least 1; got ", max_pixels);
    if (min_pixels > kMaxExact) reject("min_pixels: expected at most ", kMaxExact, "; got ", min_pixels);

    const auto h = static_cast<double>(height);
    const auto w = static_cast<double>(width);
    const auto f = static_cast<double>(factor);
    if (std::max(h, w) / std::min(h, w) > 200.0) {
        reject("image: expected sides with a ratio of at most 200; got ", width, "x", height, ", a ratio of ",
               std::max(h, w) / std::min(h, w), ". Crop the image");
    }
    Size size{times(round_half_even(h / f), factor), times(round_half_even(w / f), factor)};
    const std::int64_t area = size.height * size.width;
    if (area > max_pixels) {
        const double beta = std::sqrt(h * w / static_cast<double>(max_pixels));
        size.height = std::max(factor, times(std::floor(h / beta / f), factor));
        size.width = std::max(factor, times(std::floor(w / beta / f), factor));
    } else if (area < min_pixels) {
        const double beta = std::sqrt(static_cast<double>(min_pixels) / (h * w));
        size.height = times(std::ceil(h * beta / f), factor);
        size.width = times(std::ceil(w * beta / f), factor);
    }
    return size;
}

}  // namespace saccade
