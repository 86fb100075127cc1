#include <algorithm>

#include "positions.h"

namespace saccade {
namespace {

/// (row, column) of the patches in the uppermost row of merge blocks.
void first_blocks(std::int64_t columns, std::int64_t merge_size, std::int32_t* out) {
    for (std::int64_t left = 0; left < columns; left += merge_size) {
        for (std::int64_t patch = 0; patch < merge_size * merge_size; ++patch) {
            *out++ = static_cast<std::int32_t>(patch / merge_size);
            *out++ = static_cast<std::int32_t>(left + patch % merge_size);
        }
    }
}

/// The blocks below others: the same columns, `merge_size` rows on. Does not overlap what it is made from, which the
/// compiler has to know to take many at once.
void blocks_below(const std::int32_t* __restrict above, std::int64_t count, std::int32_t merge_size,
                  std::int32_t* __restrict out) {
    for (std::int64_t i = 0; i < count; i += 2) {
        out[i] = above[i] + merge_size;
        out[i + 1] = above[i + 1];
    }
}

}  // namespace

void vision_positions(const Grids& grids, std::int64_t merge_size, std::int32_t* positions) {
    for (std::int64_t i = 0; i < grids.size(); ++i) {
        const auto [frames, rows, columns] = grids[i];
        const std::int64_t in_blocks = 2 * columns * merge_size, in_frame = 2 * rows * columns;
        first_blocks(columns, merge_size, positions);
        for (std::int64_t at = in_blocks; at < in_frame; at += in_blocks) {
            std::int32_t* out = positions + at;
            blocks_below(out - in_blocks, in_blocks, static_cast<std::int32_t>(merge_size), out);
        }
        for (std::int64_t frame = 1; frame < frames; ++frame) {
            std::copy_n(positions, in_frame, positions + frame * in_frame);
        }
        positions += frames * in_frame;
    }
}

}  // namespace saccade
