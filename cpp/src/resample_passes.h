// The two passes of a resize, their weights in the form that a kernel reads.
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <vector>

#include "bicubic.h"
#include "kernels/kernel.h"

namespace saccade {

/// A horizontal pass and the weights it may refer to.
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

/// A vertical pass: which groups of rows make up each output row, and the words its kernel multiplies them with.
class VerticalPass {
  public:
    struct Span {
        std::int64_t first;   // group
        std::int64_t count;   // groups
        std::int64_t offset;  // of its first word
    };
    VerticalPass(const Kernel& kernel, const AxisWeights& axis);

    const Span& span(std::int64_t y) const { return spans_[static_cast<std::size_t>(y)]; }
    const std::int32_t* words(const Span& span) const { return words_.data() + span.offset; }
    std::int64_t weights() const { return weights_; }

    /// Groups of a span, at most.
    std::int64_t most() const { return most_; }

  private:
    std::vector<Span> spans_;  // one for each output row
    std::vector<std::int32_t> words_;
    std::int64_t weights_;
    std::int64_t most_ = 0;
};

}  // namespace saccade
