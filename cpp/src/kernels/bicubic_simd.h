// Bicubic weights of an axis, for several output samples at a time. Inlined into functions that are compiled for wider
// vectors. The operations on a sample are those of bicubic_weights, in the same order, so the weights are equal.
#pragma once

#include <algorithm>
#include <vector>

#include "../bicubic.h"

#include "../exact_float.h"

namespace saccade {

inline constexpr int kWeightLanes = 16;

/// Output samples [first, first + kWeightLanes) of an axis. Lanes beyond its end have no taps.
struct WeightLanes {
    double center[kWeightLanes];
    double start[kWeightLanes];
    double sum[kWeightLanes];
    std::int32_t count[kWeightLanes];
    std::int32_t max_count;

    __attribute__((always_inline)) inline void place(const BicubicAxis& axis, std::int64_t first) {
        max_count = 0;
        for (int lane = 0; lane < kWeightLanes; ++lane) {
            center[lane] = axis.center(first + lane);
            const std::int64_t begin = axis.begin(center[lane]);
            start[lane] = static_cast<double>(begin);
            sum[lane] = 0.0;
            count[lane] = first + lane < axis.output ? static_cast<std::int32_t>(axis.end(center[lane]) - begin) : 0;
            max_count = std::max(max_count, count[lane]);
        }
    }

    /// Writes tap i of each lane, 0 if the lane has fewer taps, and adds it to the lane's sum.
    __attribute__((always_inline)) inline void tap(const BicubicAxis& axis, std::int32_t i, double* taps) {
        for (int lane = 0; lane < kWeightLanes; ++lane) {
            const double value = cubic((start[lane] + i - center[lane] + 0.5) * axis.inverse);
            taps[lane] = i < count[lane] ? value : 0.0;
            sum[lane] += taps[lane];
        }
    }
};

__attribute__((always_inline)) inline AxisWeights bicubic_weights_simd(std::int64_t input, std::int64_t output,
                                                                       WeightRounding rounding) {
    const BicubicAxis axis(input, output);
    AxisWeights weights;
    weights.spans.resize(static_cast<std::size_t>(output));
    std::vector<double> exact;
    exact.reserve(axis.reserved());
    std::vector<double> taps;
    WeightLanes lanes;
    for (std::int64_t x = 0; x < output; x += kWeightLanes) {
        lanes.place(axis, x);
        const std::size_t size = static_cast<std::size_t>(kWeightLanes) * static_cast<std::size_t>(lanes.max_count);
        if (taps.size() < size) taps.resize(size);
        for (std::int32_t i = 0; i < lanes.max_count; ++i) lanes.tap(axis, i, taps.data() + kWeightLanes * i);
        for (double& sum : lanes.sum) sum = sum != 0.0 ? sum : 1.0;
        for (std::int32_t i = 0; i < lanes.max_count; ++i) {
            for (int lane = 0; lane < kWeightLanes; ++lane) {
                taps.data()[std::int64_t{kWeightLanes} * i + lane] /= lanes.sum[lane];
            }
        }
        for (int lane = 0; lane < std::min<std::int64_t>(kWeightLanes, output - x); ++lane) {
            const auto offset = static_cast<std::int64_t>(exact.size());
            weights.spans[static_cast<std::size_t>(x + lane)] = {static_cast<std::int64_t>(lanes.start[lane]),
                                                                 lanes.count[lane], offset};
            exact.resize(exact.size() + static_cast<std::size_t>(lanes.count[lane]));
            double* to = exact.data() + offset;
            for (std::int32_t i = 0; i < lanes.count[lane]; ++i) to[i] = taps.data()[kWeightLanes * i + lane];
        }
    }
    round_weights(exact, rounding, weights);
    return weights;
}

}  // namespace saccade
