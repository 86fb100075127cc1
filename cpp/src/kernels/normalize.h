// Bytes to the floats of a normalized image, several at a time: computed where the scalar form looks them up.
//
// Wanted is (byte / 255 - mean) / std, rounded to float32 after each step. Both quotients are a product with the
// reciprocal, corrected by what a fused multiplication says is left (Markstein), which rounds as a division does for
// all but unusual divisors. So these functions are right for a mean and std if they are for all 256 bytes, and the
// caller sees to that.
#pragma once

#include <cstdint>

namespace saccade {

#if defined(__x86_64__)
void normalize_avx2(float mean, float std, const std::uint8_t* bytes, std::int64_t count, float* out);    // and FMA
void normalize_avx512(float mean, float std, const std::uint8_t* bytes, std::int64_t count, float* out);  // F, BW, VL
#elif defined(__aarch64__)
void normalize_neon(float mean, float std, const std::uint8_t* bytes, std::int64_t count, float* out);
#endif

}  // namespace saccade
