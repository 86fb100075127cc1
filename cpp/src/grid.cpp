#include "grid.h"

#include <limits>

#include "checked.h"

namespace saccade {

Grids::Grids(const std::int64_t* triples, std::int64_t count, std::int64_t merge_size, const char* what)
    : triples_(triples), count_(count) {
    check_side(merge_size, "merge_size");
    if (count < 0) reject(what, ": expected a count of at least 0; got ", count);
    constexpr std::int64_t max_patches = std::numeric_limits<std::int32_t>::max();
    for (std::int64_t i = 0; i < count; ++i) {
        const auto [frames, rows, columns] = (*this)[i];
        const auto expect = [&](bool holds, const auto&... expected) {
            if (holds) return;
            reject(what, "[", i, "]: expected ", expected..., "; got (", frames, ", ", rows, ", ", columns, ")");
        };
        expect(frames >= 1 && rows >= 1 && columns >= 1, "frames, rows and columns of at least 1");
        expect(rows % merge_size == 0 && columns % merge_size == 0, "rows and columns divisible by merge_size ",
               merge_size);
        // Each factor is below 2^31 before it is multiplied, so no product overflows.
        expect(frames <= max_patches && rows <= max_patches && columns <= max_patches &&
                   rows * columns <= max_patches && frames * (rows * columns) <= max_patches - patches_,
               "at most ", max_patches, " patches in all grids up to it");
        patches_ += frames * rows * columns;
    }
}

}  // namespace saccade
