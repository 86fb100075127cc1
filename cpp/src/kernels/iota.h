// Rows of integers that count up in steps: the building block of window order and positions.
#pragma once

#include <cstdint>

namespace saccade {

/// Rows of integers. Value i of row r is first[i % 16] + i / 16 * step[i % 2] + r * row_step[i % 2]. There are `rows`
/// rows of `count` values, `stride` values apart.
struct Iota {
    static constexpr std::int64_t kPeriod = 16;
    std::int32_t first[kPeriod];
    std::int32_t step[2];
    std::int32_t row_step[2];
    std::int64_t rows;
    std::int64_t count;
    std::int64_t stride;
};

/// Writes the rows; each kernel has its own form.
void iota_plain(const Iota& iota, std::int32_t* out);
#if defined(__x86_64__)
void iota_avx2(const Iota& iota, std::int32_t* out);
void iota_avx512(const Iota& iota, std::int32_t* out);
#elif defined(__aarch64__)
void iota_neon(const Iota& iota, std::int32_t* out);
#endif

}  // namespace saccade
