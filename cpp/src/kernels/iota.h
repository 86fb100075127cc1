// Rows of integers that count up in steps: what window order and positions consist of.
#pragma once

#include <cstdint>

namespace saccade {

/// Word i of row r is first[i % 16] + i / 16 * step[i % 2] + r * row_step[i % 2]. Rows are `count` words, `stride`
/// apart.
struct Ramps {
    static constexpr std::int64_t kPeriod = 16;
    std::int32_t first[kPeriod];
    std::int32_t step[2];
    std::int32_t row_step[2];
    std::int64_t rows;
    std::int64_t count;
    std::int64_t stride;
};

void ramps_plain(const Ramps& ramps, std::int32_t* out);
#if defined(__x86_64__)
void ramps_avx2(const Ramps& ramps, std::int32_t* out);
void ramps_avx512(const Ramps& ramps, std::int32_t* out);
#elif defined(__aarch64__)
void ramps_neon(const Ramps& ramps, std::int32_t* out);
#endif

}  // namespace saccade
