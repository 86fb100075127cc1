// Integer arithmetic on sizes that refuses to overflow.
#pragma once

#include <cstdint>
#include <limits>

#include "errors.h"
#include "saccade.h"

namespace saccade {

inline constexpr std::int64_t kMaxSide = SACCADE_MAX_SIDE;

inline std::int64_t checked_multiply(std::int64_t a, std::int64_t b, const char* what) {
    if (a != 0 && b > std::numeric_limits<std::int64_t>::max() / a) reject(what, ": ", a, " x ", b, " is too large");
    return a * b;
}

inline std::int64_t checked_add(std::int64_t a, std::int64_t b, const char* what) {
    if (b > std::numeric_limits<std::int64_t>::max() - a) reject(what, ": ", a, " + ", b, " is too large");
    return a + b;
}

/// A number that has to lie in [1, kMaxSide]: a side, a factor, a patch size.
inline void check_side(std::int64_t value, const char* what) {
    if (value < 1 || value > kMaxSide) reject(what, " is ", value, "; it must be from 1 to ", kMaxSide);
}

inline void check_capacity(std::int64_t capacity, std::int64_t needed, const char* what) {
    if (capacity < needed) reject(what, " has room for ", capacity, " elements; ", needed, " are needed");
}

}  // namespace saccade
