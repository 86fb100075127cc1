// Positions of patches and tokens, for rotary embeddings.
#pragma once

#include <cstdint>

#include "grid.h"
#include "saccade.h"

namespace saccade {

/// Fills positions [patches, 2] with (row, column) in merge-block order.
void vision_positions(const Grids& grids, std::int64_t merge_size, std::int32_t* positions);

/// Fills positions [3, length] and returns the delta. The contract is in saccade.h.
std::int64_t mrope_positions(const saccade_mrope_prompt& prompt, std::int32_t* positions, std::int64_t capacity);

}  // namespace saccade
