// Windowed attention: which tokens belong together, and where a token stands once they are gathered.
#pragma once

#include <algorithm>
#include <cstdint>

#include "grid.h"

namespace saccade {

/// Tokens of one frame cut into windows of `side` x `side`, smaller at the right and bottom edge. Windows follow each
/// other by rows, and so do the tokens inside a window.
struct WindowedFrame {
    std::int64_t rows;     // in tokens
    std::int64_t columns;  // in tokens
    std::int64_t side;     // in tokens

    /// Where token (row, column) stands in window order.
    std::int64_t place(std::int64_t row, std::int64_t column) const {
        const std::int64_t top = row - row % side;
        const std::int64_t left = column - column % side;
        const std::int64_t height = std::min(side, rows - top);
        const std::int64_t width = std::min(side, columns - left);
        // Above lie `top` full rows, to the left windows as high as this one.
        return top * columns + left * height + (row - top) * width + (column - left);
    }
};

/// Window side in tokens, rounded down. Throws InputError unless it is at least 1.
std::int64_t window_side(std::int64_t window_size, std::int64_t merge_size, std::int64_t patch_size);

/// Number of windows in all frames of `grids`.
std::int64_t window_count(const Grids& grids, std::int64_t merge_size, std::int64_t side);

/// Fills index [tokens] and boundaries [windows + 1, in patches]; the contract is in saccade.h.
void window_index(const Grids& grids, std::int64_t merge_size, std::int64_t side, std::int32_t* index,
                  std::int32_t* boundaries);

}  // namespace saccade
