// Integer arithmetic on sizes that refuses to overflow.
#pragma once

#include <cstdint>
#include <limits>

#include "errors.h"
#include "saccade.h"

namespace saccade {

inline constexpr std::int64_t kMaxSide = SACCADE_MAX_SIDE;

/// Returns a * b of two non-negative sizes. Throws InputError about `what` if it overflows.
inline std::int64_t checked_multiply(std::int64_t a, std::int64_t b, const char* what) {
    if (a != 0 && b > std::numeric_limits<std::int64_t>::max() / a) {
        reject(what, ": expected a size below 2^63; got ", a, " x ", b);
    }
    return a * b;
}

/// Throws InputError unless a side, factor or patch size is in [1, kMaxSide].
inline void check_side(std::int64_t value, const char* what) {
    if (value < 1 || value > kMaxSide) reject(what, ": expected 1 to ", kMaxSide, "; got ", value);
}

/// Throws InputError if an output of `capacity` elements cannot hold `needed` elements.
inline void check_capacity(std::int64_t capacity, std::int64_t needed, const char* what) {
    if (capacity < needed) reject(what, ": expected room for ", needed, " elements; got ", capacity);
}

}  // namespace saccade
