#include "positions.h"

namespace saccade {

void vision_positions(const Grids& grids, std::int64_t merge_size, std::int32_t* positions) {
    for (std::int64_t i = 0; i < grids.size(); ++i) {
        const auto [frames, rows, columns] = grids[i];
        for (std::int64_t frame = 0; frame < frames; ++frame) {
            for (std::int64_t token = 0; token < rows / merge_size * (columns / merge_size); ++token) {
                const std::int64_t top = token / (columns / merge_size) * merge_size;
                const std::int64_t left = token % (columns / merge_size) * merge_size;
                for (std::int64_t patch = 0; patch < merge_size * merge_size; ++patch) {
                    *positions++ = static_cast<std::int32_t>(top + patch / merge_size);
                    *positions++ = static_cast<std::int32_t>(left + patch % merge_size);
                }
            }
        }
    }
}

}  // namespace saccade
