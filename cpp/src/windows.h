// Window order: the order of tokens in a vision tower with windowed attention.
#pragma once

#include <algorithm>
#include <cstdint>

#include "grid.h"

namespace saccade {

/// A frame of tokens in windows of `side` x `side`, smaller at the right and bottom edges. Windows are in raster order,
/// and so are the tokens inside a window.
struct WindowedFrame {
    std::int64_t rows;     // in tokens
    std::int64_t columns;  // in tokens
    std::int64_t side;     // in tokens

    /// Returns the index of token (row, column) in window order.
    std::int64_t place(std::int64_t row, std::int64_t column) const {
        const std::int64_t top = row - row % side;
        const std::int64_t left = column - column % side;
        const std::int64_t height = std::min(side, rows - top);
        const std::int64_t width = std::min(side, columns - left);
        // `top` full rows are above; the windows to the left are as high as this one.
        return top * columns + left * height + (row - top) * width + (column - left);
    }
};

/// Returns the side of a window in tokens, rounded down. Throws InputError unless it is at least 1.
std::int64_t window_side(std::int64_t window_size, std::int64_t merge_size, std::int64_t patch_size);

/// Returns the number of windows in all frames of `grids`.
std::int64_t window_count(const Grids& grids, std::int64_t merge_size, std::int64_t side);

/// Fills index [tokens] and boundaries [windows + 1], in patches. The contract is in saccade.h.
void window_index(const Grids& grids, std::int64_t merge_size, std::int64_t side, std::int32_t* index,
                  std::int32_t* boundaries);

}  // namespace saccade
