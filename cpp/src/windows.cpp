#include "windows.h"

#include "checked.h"
#include "kernels/kernel.h"

namespace saccade {
namespace {

/// Writes the tokens of a band of windows, window by window, from column `left`. The band has `height` rows of
/// `columns` tokens and starts at token `first`.
void band_of_windows(std::int64_t first, std::int64_t height, std::int64_t columns, std::int64_t left,
                     std::int64_t side, std::int32_t* out) {
    for (; left < columns; left += side) {
        const std::int64_t width = std::min(side, columns - left);
        for (std::int64_t row = 0; row < height; ++row) {
            for (std::int64_t column = 0; column < width; ++column) {
                *out++ = static_cast<std::int32_t>(first + row * columns + left + column);
            }
        }
    }
}

/// Writes a band of the same height as the one above it: each token plus `count`. __restrict lets compilers vectorize.
void band_below(const std::int32_t* __restrict above, std::int32_t count, std::int32_t* __restrict out) {
    for (std::int32_t i = 0; i < count; ++i) out[i] = above[i] + count;
}

/// Writes bands of windows of 4 x 4 tokens, the size in Qwen2.5-VL: sixteen tokens, then the same plus four columns.
void bands_of_four(const Kernel& kernel, std::int64_t first, std::int64_t bands, std::int64_t columns,
                   std::int32_t* out) {
    constexpr std::int64_t side = 4;
    const std::int64_t whole = columns - columns % side, in_band = side * columns;
    const auto below = static_cast<std::int32_t>(in_band);
    Iota iota{{}, {side, side}, {below, below}, bands, side * whole, in_band};
    for (std::int64_t i = 0; i < Iota::kPeriod; ++i) {
        iota.first[i] = static_cast<std::int32_t>(first + i / side * columns + i % side);
    }
    kernel.iota(iota, out);
    for (std::int64_t band = 0; whole < columns && band < bands; ++band, first += in_band, out += in_band) {
        band_of_windows(first, side, columns, whole, side, out + side * whole);
    }
}

/// Writes the tokens of a frame that starts at token `first`.
void frame_of_windows(const Kernel& kernel, std::int64_t first, std::int64_t rows, std::int64_t columns,
                      std::int64_t side, std::int32_t* out) {
    std::int64_t top = 0;
    if (side == 4) {
        bands_of_four(kernel, first, rows / side, columns, out);
        top = rows - rows % side;
    }
    for (; top < rows; top += side) {
        const std::int64_t height = std::min(side, rows - top), count = height * columns;
        std::int32_t* band = out + top * columns;
        if (top > 0 && height == side) {
            band_below(band - count, static_cast<std::int32_t>(count), band);
        } else {
            band_of_windows(first + top * columns, height, columns, 0, side, band);
        }
    }
}

/// Writes the end of each window of a frame, in patches; `boundary` patches precede the frame and are updated.
std::int32_t* ends_of_windows(std::int64_t& boundary, std::int64_t rows, std::int64_t columns, std::int64_t side,
                              std::int64_t patches_per_token, std::int32_t* out) {
    for (std::int64_t top = 0; top < rows; top += side) {
        const std::int64_t height = std::min(side, rows - top) * patches_per_token, whole = columns / side;
        // 32-bit and independent of each other, so that compilers vectorize.
        const auto before = static_cast<std::int32_t>(boundary), each = static_cast<std::int32_t>(height * side);
        for (std::int32_t i = 0; i < whole; ++i) out[i] = before + (i + 1) * each;
        out += whole;
        boundary += height * columns;
        if (whole * side < columns) *out++ = static_cast<std::int32_t>(boundary);
    }
    return out;
}

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

std::int64_t window_side(std::int64_t window_size, std::int64_t merge_size, std::int64_t patch_size) {
    check_side(window_size, "window_size");
    check_side(merge_size, "merge_size");
    check_side(patch_size, "patch_size");
    const std::int64_t side = window_size / merge_size / patch_size;
    if (side < 1) {
        reject("window_size: expected at least merge_size ", merge_size, " x patch_size ", patch_size, " = ",
               merge_size * patch_size, " pixels; got ", window_size);
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
    const Kernel& kernel = selected_kernel();  // before any write, because it may throw
    std::int64_t first = 0;                    // first token of the frame
    std::int64_t boundary = 0;                 // in patches
    *boundaries++ = 0;
    for (std::int64_t i = 0; i < grids.size(); ++i) {
        const auto [frames, patch_rows, patch_columns] = grids[i];
        const std::int64_t rows = patch_rows / merge_size, columns = patch_columns / merge_size;
        for (std::int64_t frame = 0; frame < frames; ++frame) {
            frame_of_windows(kernel, first, rows, columns, side, index + first);
            first += rows * columns;
            boundaries = ends_of_windows(boundary, rows, columns, side, merge_size * merge_size, boundaries);
        }
    }
}

}  // namespace saccade
