// Bicubic weights along one axis, in fixed point.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "exact_float.h"

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

/// Weights of Pillow's BICUBIC from `input` samples to `output`, both at least 1. The plain form.
AxisWeights bicubic_weights(std::int64_t input, std::int64_t output);

// -- its parts, for forms that do several samples at a time -----------------------------------------------------------

/// Where the samples of an output sample lie.
struct BicubicAxis {
    BicubicAxis(std::int64_t input_samples, std::int64_t output_samples)
        : input(input_samples),
          output(output_samples),
          scale(static_cast<double>(input) / static_cast<double>(output)),
          stretch(std::max(scale, 1.0)),
          support(2.0 * stretch),
          inverse(1.0 / stretch) {}

    double center(std::int64_t o) const { return (static_cast<double>(o) + 0.5) * scale; }
    std::int64_t begin(double center) const {
        return std::max(static_cast<std::int64_t>(center - support + 0.5), std::int64_t{0});
    }
    std::int64_t end(double center) const { return std::min(static_cast<std::int64_t>(center + support + 0.5), input); }

    /// Weights of one output sample, at most.
    std::size_t most() const {
        return static_cast<std::size_t>(std::min(2.0 * support + 2.0, static_cast<double>(input)));
    }
    /// Weights for which room is made beforehand.
    std::size_t reserved() const { return static_cast<std::size_t>(output) * std::min<std::size_t>(most(), 64); }

    std::int64_t input;
    std::int64_t output;
    double scale;
    double stretch;  // reducing widens the kernel, enlarging does not narrow it
    double support;
    double inverse;
};

/// Keys' cubic convolution kernel with a = -1/2, support 2; operations in the order in which Pillow does them. Both
/// pieces are computed and one chosen, so that compilers do several distances at once.
inline double cubic(double distance) {
    constexpr double a = -0.5;
    const double d = std::fabs(distance);
    const double inner = ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    const double outer = (((d - 5.0) * d + 8.0) * d - 4.0) * a;
    const double beyond_one = d < 2.0 ? outer : 0.0;
    return d < 1.0 ? inner : beyond_one;
}

inline std::int32_t to_fixed(double weight) {
    constexpr double one = std::int32_t{1} << kWeightBits;
    return static_cast<std::int32_t>(weight * one + (weight < 0.0 ? -0.5 : 0.5));  // half away from zero
}

}  // namespace saccade
