#include "bicubic.h"

#include <memory>

#include "exact_float.h"

namespace saccade {

AxisWeights bicubic_weights(std::int64_t input, std::int64_t output) {
    const BicubicAxis axis(input, output);
    AxisWeights result;
    result.spans.reserve(static_cast<std::size_t>(output));
    result.weights.reserve(axis.reserved());
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
        result.spans.push_back({first, count, static_cast<std::int64_t>(result.weights.size())});
        for (std::int32_t i = 0; i < count; ++i) result.weights.push_back(to_fixed(kernel[i] / whole));
    }
    return result;
}

}  // namespace saccade
