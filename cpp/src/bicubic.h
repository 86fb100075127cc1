// Bicubic weights of one axis, in fixed point. Pillow and torchvision round the same exact weights differently.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "exact_float.h"

namespace saccade {

/// Fraction bits of Pillow's weights: 32 - 8 - 2. A sample has 8 bits, and negative lobes keep sums below 2 x 255.
inline constexpr int kWeightBits = 22;

/// The rounding of exact weights to fixed point.
enum class WeightRounding : std::int32_t {
    kPillow,       // kWeightBits fraction bits
    kTorchvision,  // as many fraction bits, at most kWeightBits, as keep the axis's largest weight in 16 bits
};

/// The input samples of each output sample, and their weights.
struct AxisWeights {
    struct Span {
        std::int64_t first;   // first input sample
        std::int64_t count;   // number of input samples
        std::int64_t offset;  // index of its first weight in `weights`
    };
    std::vector<Span> spans;            // one per output sample
    std::vector<std::int32_t> weights;  // in units of 2^-bits
    int bits = kWeightBits;             // fraction bits
    std::int32_t largest = 0;           // largest weight; negative ones are smaller in magnitude

    /// Returns the end of the used input samples; they begin at spans.front().first.
    std::int64_t input_end() const { return spans.back().first + spans.back().count; }
};

/// Returns the weights of BICUBIC from `input` to `output` samples, both at least 1. The scalar form.
AxisWeights bicubic_weights(std::int64_t input, std::int64_t output, WeightRounding rounding);

/// Returns the same weights in units of 2^-kWeightBits. Sums of products grow by the same factor, so they round alike.
AxisWeights widened(AxisWeights axis);

// -- parts shared with the SIMD form ----------------------------------------------------------------------------------

/// The positions of the input samples of an output sample.
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

    /// Returns the maximum number of weights of an output sample.
    std::size_t max_weights() const {
        return static_cast<std::size_t>(std::min(2.0 * support + 2.0, static_cast<double>(input)));
    }
    /// Returns the number of weights to reserve memory for.
    std::size_t reserved() const { return static_cast<std::size_t>(output) * std::min<std::size_t>(max_weights(), 64); }

    std::int64_t input;
    std::int64_t output;
    double scale;
    double stretch;  // above 1 only when reducing
    double support;
    double inverse;
};

/// Returns Keys' cubic convolution kernel with a = -1/2 and support 2, in Pillow's order of operations. Both pieces are
/// computed and one is selected, so that compilers vectorize.
inline double cubic(double distance) {
    constexpr double a = -0.5;
    const double d = std::fabs(distance);
    const double inner = ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    const double outer = (((d - 5.0) * d + 8.0) * d - 4.0) * a;
    const double beyond_one = d < 2.0 ? outer : 0.0;
    return d < 1.0 ? inner : beyond_one;
}

/// Rounds a weight to fixed point, in units of 1 / one, half away from zero.
inline std::int32_t to_fixed(double weight, double one) {
    return static_cast<std::int32_t>(weight * one + (weight < 0.0 ? -0.5 : 0.5));
}

/// Returns torchvision's fraction bits of an axis with this largest weight.
inline int torchvision_bits(double largest) {
    int bits = 0;
    while (bits < kWeightBits && to_fixed(largest, std::int32_t{2} << bits) < (1 << 15)) ++bits;
    return bits;
}

/// Rounds the exact weights of a whole axis, in the order of its spans, into `axis`.
__attribute__((always_inline)) inline void round_weights(const std::vector<double>& exact, WeightRounding rounding,
                                                         AxisWeights& axis) {
    if (rounding == WeightRounding::kTorchvision) {
        double largest = 0.0;
        for (const double weight : exact) largest = std::max(largest, weight);
        axis.bits = torchvision_bits(largest);
    }
    const double one = std::int32_t{1} << axis.bits;
    axis.weights.resize(exact.size());
    std::int32_t largest = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        axis.weights[i] = to_fixed(exact[i], one);
        largest = std::max(largest, axis.weights[i]);
    }
    axis.largest = largest;
}

}  // namespace saccade
