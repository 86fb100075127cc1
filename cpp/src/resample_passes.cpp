#include "resample_passes.h"

#include <algorithm>

namespace saccade {

VerticalPass::VerticalPass(const Kernel& kernel, AxisWeights exact_axis) {
    const AxisWeights axis = kernel.fitted(std::move(exact_axis));
    const Arithmetic& arithmetic = kernel.arithmetic(axis);
    vertical_ = arithmetic.vertical;
    bits_ = axis.bits;
    weights_ = std::ssize(axis.weights);
    const std::int64_t in_group = kernel.rows_in_group;
    spans_.reserve(axis.spans.size());
    std::int64_t packed_count = 0;
    for (const auto& span : axis.spans) {
        const std::int64_t first = span.first / in_group;
        const std::int64_t count = (span.first + span.count - 1) / in_group - first + 1;
        spans_.push_back({first, count, packed_count});
        packed_count += count * arithmetic.packed_per_group;
        max_groups_ = std::max(max_groups_, count);
    }
    packed_.resize(static_cast<std::size_t>(packed_count));
    for (std::size_t y = 0; y < spans_.size(); ++y) {
        const auto& from = axis.spans[y];
        const Span& span = spans_[y];
        arithmetic.pack(axis.weights.data() + from.offset, from.count, from.first - span.first * in_group, span.count,
                        packed_.data() + span.offset);
    }
}

}  // namespace saccade
