#include "kernels/kernel.h"
#include "positions.h"

namespace saccade {
namespace {

/// Writes (row, column) of the patches in the top row of merge blocks.
void first_blocks(std::int64_t columns, std::int64_t merge_size, std::int32_t* out) {
    for (std::int64_t left = 0; left < columns; left += merge_size) {
        for (std::int64_t patch = 0; patch < merge_size * merge_size; ++patch) {
            *out++ = static_cast<std::int32_t>(patch / merge_size);
            *out++ = static_cast<std::int32_t>(left + patch % merge_size);
        }
    }
}

/// Writes a row of merge blocks from the one above it: the same columns, `merge_size` rows further. __restrict lets
/// compilers vectorize.
void blocks_below(const std::int32_t* __restrict above, std::int64_t count, std::int32_t merge_size,
                  std::int32_t* __restrict out) {
    for (std::int64_t i = 0; i < count; i += 2) {
        out[i] = above[i] + merge_size;
        out[i + 1] = above[i + 1];
    }
}

/// Writes a frame for merge_size 1 or 2, where sixteen values are whole merge blocks: blocks, then the same blocks some
/// columns further.
void frame_by_iota(const Kernel& kernel, std::int64_t rows, std::int64_t columns, std::int64_t merge_size,
                   std::int32_t* out) {
    const auto merge = static_cast<std::int32_t>(merge_size);
    const std::int64_t in_blocks = 2 * columns * merge_size;
    Iota iota{{}, {0, 8 / merge}, {merge, 0}, rows / merge_size, in_blocks, in_blocks};
    first_blocks(8 / merge_size, merge_size, iota.first);
    kernel.iota(iota, out);
}

void frame_by_blocks(std::int64_t rows, std::int64_t columns, std::int64_t merge_size, std::int32_t* out) {
    const std::int64_t in_blocks = 2 * columns * merge_size;
    first_blocks(columns, merge_size, out);
    for (std::int64_t row = merge_size; row < rows; row += merge_size, out += in_blocks) {
        blocks_below(out, in_blocks, static_cast<std::int32_t>(merge_size), out + in_blocks);
    }
}

}  // namespace

void vision_positions(const Grids& grids, std::int64_t merge_size, std::int32_t* positions) {
    const Kernel& kernel = selected_kernel();  // may throw, also if merge_size > 2 does not use it
    for (std::int64_t i = 0; i < grids.size(); ++i) {
        const auto [frames, rows, columns] = grids[i];
        for (std::int64_t frame = 0; frame < frames; ++frame, positions += 2 * rows * columns) {
            if (merge_size <= 2) {
                frame_by_iota(kernel, rows, columns, merge_size, positions);
            } else {
                frame_by_blocks(rows, columns, merge_size, positions);
            }
        }
    }
}

}  // namespace saccade
