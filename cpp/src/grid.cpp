#include "grid.h"

#include <limits>

#include "checked.h"

namespace saccade {

Grids::Grids(const std::int64_t* triples, std::int64_t count, std::int64_t merge_size, const char* what)
    : triples_(triples), count_(count) {
    check_side(merge_size, "merge_size");
    if (count < 0) reject("the number of ", what, " is ", count, "; it must not be negative");
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    for (std::int64_t i = 0; i < count; ++i) {
        const auto [frames, rows, columns] = (*this)[i];
        const auto refuse = [&](const auto&... why) {
            reject(what, "[", i, "] is (", frames, ", ", rows, ", ", columns, ")", why...);
        };
        if (frames < 1 || rows < 1 || columns < 1) refuse("; frames, rows and columns must be at least 1");
        if (rows % merge_size != 0 || columns % merge_size != 0) {
            refuse("; rows and columns must be multiples of merge_size ", merge_size);
        }
        // Each factor is brought below 2^31 before it is multiplied, so no product overflows.
        if (frames > most || rows > most || columns > most || rows * columns > most ||
            frames * (rows * columns) > most - patches_) {
            refuse("; together with those before it, it has more than ", most, " patches; split them");
        }
        patches_ += frames * rows * columns;
    }
}

}  // namespace saccade
