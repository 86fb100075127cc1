// smart_resize against the formula with the C library's rounding, for any 64-bit arguments.
#include <cinttypes>
#include <cmath>

#include "input.h"
#include "saccade.h"

namespace {

bool possible(std::int64_t h, std::int64_t w, std::int64_t f, std::int64_t low, std::int64_t high) {
    const auto side = [](std::int64_t value) { return value >= 1 && value <= SACCADE_MAX_SIDE; };
    if (!side(h) || !side(w) || !side(f) || low > std::int64_t{1} << 53 || high < 1) return false;
    return (h > w ? h : w) <= 200 * (h > w ? w : h);
}

std::int64_t lift(double value, std::int64_t factor) {
    const auto lifted = static_cast<std::int64_t>(std::floor(value)) * factor;
    return lifted < factor ? factor : lifted;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::int64_t h = input.wild(1, 10000), w = input.wild(1, 10000), f = input.wild(1, 100);
    const std::int64_t low = input.wild(0, 1 << 24), high = input.wild(1, 1 << 26);
    std::int64_t height = -1, width = -1;
    const int status = saccade_smart_resize(h, w, f, low, high, &height, &width);
#define CALL "saccade_smart_resize(%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ")", h, w, f, low, high
    if (!possible(h, w, f, low, high)) {
        FUZZ_EXPECT(status == SACCADE_ERROR_INPUT && height == -1 && width == -1, CALL);
        return 0;
    }
    const auto dh = static_cast<double>(h), dw = static_cast<double>(w), df = static_cast<double>(f);
    std::int64_t expected_height = std::llrint(std::nearbyint(dh / df)) * f;
    std::int64_t expected_width = std::llrint(std::nearbyint(dw / df)) * f;
    const std::int64_t area = expected_height * expected_width;
    if (area > high) {
        const double beta = std::sqrt(dh * dw / static_cast<double>(high));
        expected_height = lift(dh / beta / df, f);
        expected_width = lift(dw / beta / df, f);
    } else if (area < low) {
        const double beta = std::sqrt(static_cast<double>(low) / (dh * dw));
        expected_height = std::llrint(std::ceil(dh * beta / df)) * f;
        expected_width = std::llrint(std::ceil(dw * beta / df)) * f;
    }
    FUZZ_EXPECT(status == SACCADE_OK && height == expected_height && width == expected_width, CALL);
    return 0;
}
