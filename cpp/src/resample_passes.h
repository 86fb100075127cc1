// The two one-dimensional passes of a resize. Both are exact integer arithmetic and round to 8 bits.
#pragma once

#include <cstdint>

#include "image.h"
#include "resample_weights.h"

namespace saccade {

/// Resamples every row of `source`; `target` is packed, axis.spans.size() pixels wide and source.height high.
void horizontal_pass(const Image& source, const AxisWeights& axis, std::uint8_t* target);

/// Resamples every column of `source`, whose row 0 is input row `first_row` of the axis; `target` is packed,
/// source.width wide and axis.spans.size() high.
void vertical_pass(const Image& source, const AxisWeights& axis, std::int64_t first_row, std::uint8_t* target);

}  // namespace saccade
