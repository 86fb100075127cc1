#include "resample_weights.h"

#include <algorithm>
#include <cmath>

#include "exact_float.h"

namespace saccade {
namespace {

/// Keys' cubic convolution kernel with a = -1/2, support 2; operations in the order in which Pillow does them.
double cubic(double distance) {
    constexpr double a = -0.5;
    const double d = std::fabs(distance);
    if (d < 1.0) return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    if (d < 2.0) return (((d - 5.0) * d + 8.0) * d - 4.0) * a;
    return 0.0;
}

std::int32_t to_fixed(double weight) {
    constexpr double one = std::int32_t{1} << kWeightBits;
    return static_cast<std::int32_t>(weight * one + (weight < 0.0 ? -0.5 : 0.5));  // half away from zero
}

}  // namespace

AxisWeights bicubic_weights(std::int64_t input, std::int64_t output) {
    const double scale = static_cast<double>(input) / static_cast<double>(output);
    const double stretch = std::max(scale, 1.0);  // reducing widens the kernel, enlarging does not narrow it
    const double support = 2.0 * stretch;
    const double inverse = 1.0 / stretch;

    AxisWeights axis;
    axis.spans.reserve(static_cast<std::size_t>(output));
    std::vector<double> kernel;
    for (std::int64_t o = 0; o < output; ++o) {
        const double center = (static_cast<double>(o) + 0.5) * scale;
        const auto first = std::max(static_cast<std::int64_t>(center - support + 0.5), std::int64_t{0});
        const auto end = std::min(static_cast<std::int64_t>(center + support + 0.5), input);
        kernel.clear();
        double sum = 0.0;
        for (std::int64_t i = first; i < end; ++i) {
            kernel.push_back(cubic((static_cast<double>(i) - center + 0.5) * inverse));
            sum += kernel.back();
        }
        axis.spans.push_back({first, end - first, static_cast<std::int64_t>(axis.weights.size())});
        for (const double weight : kernel) axis.weights.push_back(to_fixed(sum != 0.0 ? weight / sum : weight));
    }
    return axis;
}

}  // namespace saccade
