// Normalization of bytes to floats, several at a time. The scalar form uses a table instead.
//
// The result is (byte / 255 - mean) / std, rounded to float32 after each step. Each quotient is a product with the
// reciprocal, corrected by the residual of a fused multiply-add (Markstein). That rounds like a division except for
// unusual divisors. The caller must therefore compare all 256 bytes for its mean and std before use.
#pragma once

#include <cstdint>

namespace saccade {

#if defined(__x86_64__)
void normalize_avx2(float mean, float std, const std::uint8_t* bytes, std::int64_t count, float* out);  // needs FMA
void normalize_avx512(float mean, float std, const std::uint8_t* bytes, std::int64_t count,
                      float* out);  // needs F, BW, VL
#elif defined(__aarch64__)
void normalize_neon(float mean, float std, const std::uint8_t* bytes, std::int64_t count, float* out);
#endif

}  // namespace saccade
