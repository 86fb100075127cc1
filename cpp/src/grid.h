// Grids of patches and the merge blocks in them.
#pragma once

#include <cstdint>

namespace saccade {

/// A grid of patches: frames, rows and columns.
struct Grid {
    std::int64_t frames;
    std::int64_t rows;
    std::int64_t columns;
};

/// A view of the caller's triples (frames, rows, columns).
class Grids {
  public:
    /// Checks the grids; `what` is the caller's name for them. Throws InputError unless each is positive and divisible
    /// by merge_size, and all together have at most 2^31 - 1 patches.
    Grids(const std::int64_t* triples, std::int64_t count, std::int64_t merge_size, const char* what);

    std::int64_t size() const { return count_; }
    Grid operator[](std::int64_t i) const { return {triples_[3 * i], triples_[3 * i + 1], triples_[3 * i + 2]}; }
    /// Number of patches in all grids.
    std::int64_t patches() const { return patches_; }

  private:
    const std::int64_t* triples_;
    std::int64_t count_;
    std::int64_t patches_ = 0;
};

}  // namespace saccade
