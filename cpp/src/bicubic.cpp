#include "bicubic.h"

#include <memory>

#include "exact_float.h"

namespace saccade {

AxisWeights bicubic_weights(std::int64_t input, std::int64_t output, WeightRounding rounding) {
    const BicubicAxis axis(input, output);
    AxisWeights result;
    result.spans.reserve(static_cast<std::size_t>(output));
    std::vector<double> exact;
    exact.reserve(axis.reserved());
    const auto memory = std::make_unique_for_overwrite<double[]>(axis.max_weights());
    double* kernel = memory.get();
    for (std::int64_t o = 0; o < output; ++o) {
        const double center = axis.center(o);
        const std::int64_t first = axis.begin(center);
        const auto count = static_cast<std::int32_t>(axis.end(center) - first);  // at most kMaxSide
        const auto start = static_cast<double>(first);
        double sum = 0.0;
        for (std::int32_t i = 0; i < count; ++i) {
            kernel[i] = cubic((start + i - center + 0.5) * axis.inverse);
            sum += kernel[i];
        }
        const double whole = sum != 0.0 ? sum : 1.0;
        result.spans.push_back({first, count, static_cast<std::int64_t>(exact.size())});
        for (std::int32_t i = 0; i < count; ++i) exact.push_back(kernel[i] / whole);
    }
    round_weights(exact, rounding, result);
    return result;
}

AxisWeights widened(AxisWeights axis) {
    const std::int32_t factor = std::int32_t{1} << (kWeightBits - axis.bits);
    for (std::int32_t& weight : axis.weights) weight *= factor;
    axis.largest *= factor;
    axis.bits = kWeightBits;
    return axis;
}

}  // namespace saccade
