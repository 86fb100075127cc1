// Bicubic weights along one axis, in fixed point.
#pragma once

#include <cstdint>
#include <vector>

namespace saccade {

/// Fraction bits of a weight. A sample has 8 bits, negative lobes lift sums to below 2 x 255: 32 - 8 - 2.
inline constexpr int kWeightBits = 22;

/// Which samples make up each output sample, and with what weights.
struct AxisWeights {
    struct Span {
        std::int64_t first;   // first input sample
        std::int64_t count;   // number of input samples
        std::int64_t offset;  // of its first weight in `weights`
    };
    std::vector<Span> spans;            // one for each output sample
    std::vector<std::int32_t> weights;  // in units of 2^-kWeightBits

    /// One past the last input sample that is used; the first one used is spans.front().first.
    std::int64_t input_end() const { return spans.back().first + spans.back().count; }
};

/// Weights of Pillow's BICUBIC from `input` samples to `output`, both at least 1.
AxisWeights bicubic_weights(std::int64_t input, std::int64_t output);

}  // namespace saccade
