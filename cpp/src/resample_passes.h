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
    RowPass(const Kernel& kernel, AxisWeights axis) : axis_(std::move(axis)), pass_(kernel.horizontal(axis_)) {}
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
    VerticalPass(const Kernel& kernel, const AxisWeights& axis);

    const Span& span(std::int64_t y) const { return spans_[static_cast<std::size_t>(y)]; }
    const std::int32_t* packed(const Span& span) const { return packed_.data() + span.offset; }
    std::int64_t weights() const { return weights_; }

    /// Returns the maximum number of groups of an output row.
    std::int64_t max_groups() const { return max_groups_; }

  private:
    std::vector<Span> spans_;  // one per output row
    std::vector<std::int32_t> packed_;
    std::int64_t weights_;
    std::int64_t max_groups_ = 0;
};

}  // namespace saccade
