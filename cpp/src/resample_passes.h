// The two passes of a resize, with weights packed for a kernel.
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <vector>

#include "bicubic.h"
#include "kernels/kernel.h"

namespace saccade {

/// A horizontal pass, and the weights that it may reference.
class RowPass {
  public:
    RowPass(const Kernel& kernel, AxisWeights axis)
        : axis_(kernel.fitted(std::move(axis))), pass_(kernel.arithmetic(axis_).horizontal(axis_)) {}
    RowPass(const RowPass&) = delete;
    RowPass& operator=(const RowPass&) = delete;

    const HorizontalPass& operator*() const { return *pass_; }
    std::int64_t weights() const { return std::ssize(axis_.weights); }

  private:
    AxisWeights axis_;
    std::unique_ptr<HorizontalPass> pass_;
};

/// A vertical pass: the groups of rows of each output row, and their packed weights.
class VerticalPass {
  public:
    struct Span {
        std::int64_t first;   // first group
        std::int64_t count;   // number of groups
        std::int64_t offset;  // index of its first packed weight
    };
    VerticalPass(const Kernel& kernel, AxisWeights axis);

    const Span& span(std::int64_t y) const { return spans_[static_cast<std::size_t>(y)]; }

    /// Computes `samples` samples of the output row of a span, out of its groups.
    void run(const Span& span, const std::uint8_t* const* groups, std::int64_t samples, std::uint8_t* out) const {
        vertical_(packed_.data() + span.offset, groups, span.count, samples, bits_, out);
    }
    std::int64_t weights() const { return weights_; }

    /// Returns the maximum number of groups of an output row.
    std::int64_t max_groups() const { return max_groups_; }

  private:
    std::vector<Span> spans_;  // one per output row
    std::vector<std::int32_t> packed_;
    decltype(Arithmetic::vertical) vertical_;
    int bits_;
    std::int64_t weights_;
    std::int64_t max_groups_ = 0;
};

}  // namespace saccade
