// Normalization of bytes to floats, several at a time. The scalar form uses a table instead.
//
// The result is rounded to float32 after each step. Each quotient is a product with the reciprocal, corrected by the
// residual of a fused multiply-add (Markstein). That rounds like a division except for unusual divisors. The caller
// must therefore compare all 256 bytes for its constants before use.
#pragma once

#include <cstdint>

namespace saccade {

/// The constants of a channel: (byte / 255 - mean) / std, or (byte - mean) / std if `fused`, with 255 in the constants.
struct ChannelNormalization {
    float mean;
    float std;
    bool fused;
};

#if defined(__x86_64__)
// Needs FMA.
void normalize_avx2(const ChannelNormalization& constants, const std::uint8_t* bytes, std::int64_t count, float* out);
// Needs F, BW, VL.
void normalize_avx512(const ChannelNormalization& constants, const std::uint8_t* bytes, std::int64_t count, float* out);
#elif defined(__aarch64__)
void normalize_neon(const ChannelNormalization& constants, const std::uint8_t* bytes, std::int64_t count, float* out);
#endif

}  // namespace saccade
