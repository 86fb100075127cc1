// Grids of patches and the merge blocks in them.
#pragma once

#include <cstdint>

namespace saccade {

/// Frames, rows and columns, in patches.
struct Grid {
    std::int64_t frames;
    std::int64_t rows;
    std::int64_t columns;
};

/// Borrowed triples (frames, rows, columns).
class Grids {
  public:
    /// Throws InputError unless every grid is positive, divisible by merge_size and small enough for int32 places.
    Grids(const std::int64_t* triples, std::int64_t count, std::int64_t merge_size, const char* what);

    std::int64_t size() const { return count_; }
    Grid operator[](std::int64_t i) const { return {triples_[3 * i], triples_[3 * i + 1], triples_[3 * i + 2]}; }
    /// Patches of all grids, at most 2^31 - 1.
    std::int64_t patches() const { return patches_; }

  private:
    const std::int64_t* triples_;
    std::int64_t count_;
    std::int64_t patches_ = 0;
};

}  // namespace saccade
