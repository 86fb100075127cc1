#include "windows.h"

#include "checked.h"

namespace saccade {
namespace {

/// The tokens of a band of windows, `height` rows of `columns` from token `first` on, window by window.
void band_of_windows(std::int64_t first, std::int64_t height, std::int64_t columns, std::int64_t side,
                     std::int32_t* out) {
    for (std::int64_t left = 0; left < columns; left += side) {
        const std::int64_t width = std::min(side, columns - left);
        for (std::int64_t row = 0; row < height; ++row) {
            for (std::int64_t column = 0; column < width; ++column) {
                *out++ = static_cast<std::int32_t>(first + row * columns + left + column);
            }
        }
    }
}

/// A band as high as the one above it: the same, `count` tokens on. The two do not overlap, which the compiler has to
/// know to take many at once.
void band_below(const std::int32_t* __restrict above, std::int32_t count, std::int32_t* __restrict out) {
    for (std::int32_t i = 0; i < count; ++i) out[i] = above[i] + count;
}

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

std::int64_t window_side(std::int64_t window_size, std::int64_t merge_size, std::int64_t patch_size) {
    check_side(window_size, "window_size");
    check_side(merge_size, "merge_size");
    check_side(patch_size, "patch_size");
    const std::int64_t side = window_size / merge_size / patch_size;
    if (side < 1) {
        reject("window_size is ", window_size, " pixels, less than one token of merge_size ", merge_size,
               " x patch_size ", patch_size, " = ", merge_size * patch_size);
    }
    return side;
}

std::int64_t window_count(const Grids& grids, std::int64_t merge_size, std::int64_t side) {
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < grids.size(); ++i) {
        const auto [frames, rows, columns] = grids[i];
        count += frames * divide_up(rows / merge_size, side) * divide_up(columns / merge_size, side);
    }
    return count;
}

void window_index(const Grids& grids, std::int64_t merge_size, std::int64_t side, std::int32_t* index,
                  std::int32_t* boundaries) {
    std::int64_t first = 0;     // token with which the band begins
    std::int64_t boundary = 0;  // in patches
    *boundaries++ = 0;
    for (std::int64_t i = 0; i < grids.size(); ++i) {
        const auto [frames, patch_rows, patch_columns] = grids[i];
        const std::int64_t rows = patch_rows / merge_size, columns = patch_columns / merge_size;
        for (std::int64_t frame = 0; frame < frames; ++frame) {
            for (std::int64_t top = 0; top < rows; top += side) {
                const std::int64_t height = std::min(side, rows - top), count = height * columns;
                if (top > 0 && height == side) {
                    band_below(index - count, static_cast<std::int32_t>(count), index);
                } else {
                    band_of_windows(first, height, columns, side, index);
                }
                index += count;
                first += count;
                for (std::int64_t left = 0; left < columns; left += side) {
                    boundary += height * std::min(side, columns - left) * merge_size * merge_size;
                    *boundaries++ = static_cast<std::int32_t>(boundary);
                }
            }
        }
    }
}

}  // namespace saccade
