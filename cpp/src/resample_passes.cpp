#include "resample_passes.h"

#include <algorithm>
#include <vector>

namespace saccade {
namespace {

constexpr std::int32_t kHalf = std::int32_t{1} << (kWeightBits - 1);

/// Sums stay below 2^31: the weights of a sample add up to 1 and their magnitudes to less than 1.4, times 255.
std::uint8_t to_byte(std::int32_t sum) { return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

}  // namespace

void horizontal_pass(const Image& source, const AxisWeights& axis, std::uint8_t* target) {
    for (std::int64_t y = 0; y < source.height; ++y) {
        const std::uint8_t* row = source.row(y);
        for (const auto& span : axis.spans) {
            const std::uint8_t* sample = row + kChannels * span.first;
            const std::int32_t* weight = axis.weights.data() + span.offset;
            std::int32_t red = kHalf, green = kHalf, blue = kHalf;
            for (std::int64_t i = 0; i < span.count; ++i, sample += kChannels) {
                red += weight[i] * sample[0];
                green += weight[i] * sample[1];
                blue += weight[i] * sample[2];
            }
            *target++ = to_byte(red);
            *target++ = to_byte(green);
            *target++ = to_byte(blue);
        }
    }
}

void vertical_pass(const Image& source, const AxisWeights& axis, std::int64_t first_row, std::uint8_t* target) {
    const std::int64_t samples = kChannels * source.width;
    std::vector<std::int32_t> sums(static_cast<std::size_t>(samples));
    for (const auto& span : axis.spans) {
        std::fill(sums.begin(), sums.end(), kHalf);
        for (std::int64_t i = 0; i < span.count; ++i) {
            const std::uint8_t* row = source.row(span.first - first_row + i);
            const std::int32_t weight = axis.weights[static_cast<std::size_t>(span.offset + i)];
            for (std::int64_t x = 0; x < samples; ++x) sums[static_cast<std::size_t>(x)] += weight * row[x];
        }
        target = std::transform(sums.begin(), sums.end(), target, to_byte);
    }
}

}  // namespace saccade
