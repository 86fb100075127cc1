#include "resample_weights.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "exact_float.h"

namespace saccade {
namespace {

/// Keys' cubic convolution kernel with a = -1/2, support 2; operations in the order in which Pillow does them. Both
/// pieces are computed and one chosen, so that compilers do several distances at once.
double cubic(double distance) {
    constexpr double a = -0.5;
    const double d = std::fabs(distance);
    const double inner = ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    const double outer = (((d - 5.0) * d + 8.0) * d - 4.0) * a;
    const double beyond_one = d < 2.0 ? outer : 0.0;
    return d < 1.0 ? inner : beyond_one;
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
    const auto most = static_cast<std::size_t>(std::min(2.0 * support + 2.0, static_cast<double>(input)));
    axis.weights.reserve(static_cast<std::size_t>(output) * std::min<std::size_t>(most, 64));
    const auto memory = std::make_unique_for_overwrite<double[]>(most);
    double* kernel = memory.get();
    for (std::int64_t o = 0; o < output; ++o) {
        const double center = (static_cast<double>(o) + 0.5) * scale;
        const auto first = std::max(static_cast<std::int64_t>(center - support + 0.5), std::int64_t{0});
        const auto end = std::min(static_cast<std::int64_t>(center + support + 0.5), input);
        const auto count = static_cast<std::int32_t>(end - first);  // at most kMaxSide
        const auto start = static_cast<double>(first);
        for (std::int32_t i = 0; i < count; ++i) kernel[i] = cubic((start + i - center + 0.5) * inverse);
        double sum = 0.0;
        for (std::int32_t i = 0; i < count; ++i) sum += kernel[i];
        const double whole = sum != 0.0 ? sum : 1.0;
        const auto offset = static_cast<std::int64_t>(axis.weights.size());
        axis.spans.push_back({first, count, offset});
        axis.weights.resize(axis.weights.size() + static_cast<std::size_t>(count));
        std::int32_t* weights = axis.weights.data() + offset;
        for (std::int32_t i = 0; i < count; ++i) weights[i] = to_fixed(kernel[i] / whole);
    }
    return axis;
}

}  // namespace saccade
