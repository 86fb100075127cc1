// What the NEON kernels share.
#pragma once

#if defined(__aarch64__)

#include <arm_neon.h>

#include <cstring>

#include "kernel.h"

namespace saccade::neon {

/// Whether the CPU has the dot products of signed bytes, and those of unsigned with signed ones.
bool has_dotprod();
bool has_i8mm();

/// Weights of an axis, several at a time.
AxisWeights weights(std::int64_t input, std::int64_t output);

/// Brings a row of another format into RGB, 16 pixels at a time.
void to_rgb(const std::uint8_t* row, PixelFormat format, std::int64_t width, std::uint8_t* out);

/// Cuts patches, 16 pixels of a row at a time where they are at most 16 pixels wide.
void cut(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count, std::uint8_t* const* patches);

/// Sixteen sums in 22-bit fraction as bytes.
inline uint8x16_t to_bytes(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d) {
    const int16x8_t ab = vcombine_s16(vqmovn_s32(vshrq_n_s32(a, kWeightBits)), vqmovn_s32(vshrq_n_s32(b, kWeightBits)));
    const int16x8_t cd = vcombine_s16(vqmovn_s32(vshrq_n_s32(c, kWeightBits)), vqmovn_s32(vshrq_n_s32(d, kWeightBits)));
    return vcombine_u8(vqmovun_s16(ab), vqmovun_s16(cd));
}

/// Calls block(x, where to write 16 columns) until all `samples` columns of `out` are written, exactly.
template <typename Block>
inline __attribute__((always_inline)) void for_each_16(std::int64_t samples, std::uint8_t* out, Block block) {
    std::int64_t x = 0;
    for (; x + 16 <= samples; x += 16) block(x, out + x);
    if (x < samples) {
        std::uint8_t tail[16];
        block(x, tail);
        std::memcpy(out + x, tail, static_cast<std::size_t>(samples - x));
    }
}

}  // namespace saccade::neon

#endif
