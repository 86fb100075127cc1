#include "windows.h"

#include "checked.h"

namespace saccade {
namespace {

/// Calls visit(top, left, height, width) for each window of a frame, in order. All in tokens.
template <typename Visit>
void for_each_window(const WindowedFrame& frame, Visit visit) {
    for (std::int64_t top = 0; top < frame.rows; top += frame.side) {
        for (std::int64_t left = 0; left < frame.columns; left += frame.side) {
            visit(top, left, std::min(frame.side, frame.rows - top), std::min(frame.side, frame.columns - left));
        }
    }
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
    std::int64_t origin = 0;    // token at which the frame begins
    std::int64_t boundary = 0;  // in patches
    *boundaries++ = 0;
    for (std::int64_t i = 0; i < grids.size(); ++i) {
        const auto [frames, rows, columns] = grids[i];
        const WindowedFrame layout{rows / merge_size, columns / merge_size, side};
        for (std::int64_t frame = 0; frame < frames; ++frame, origin += layout.rows * layout.columns) {
            for_each_window(layout, [&](auto top, auto left, auto height, auto width) {
                for (std::int64_t row = top; row < top + height; ++row) {
                    for (std::int64_t column = left; column < left + width; ++column) {
                        *index++ = static_cast<std::int32_t>(origin + row * layout.columns + column);
                    }
                }
                boundary += height * width * merge_size * merge_size;
                *boundaries++ = static_cast<std::int32_t>(boundary);
            });
        }
    }
}

}  // namespace saccade
