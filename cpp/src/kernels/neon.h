// Shared by the NEON kernels.
#pragma once

#if defined(__aarch64__)

#include <arm_neon.h>

#include <cstring>

#include "kernel.h"

namespace saccade::neon {

/// Returns true if the CPU has dot products of signed bytes (sdot), and of unsigned with signed bytes (usdot).
bool has_dotprod();
bool has_i8mm();

/// Returns the weights of an axis, computed several at a time.
AxisWeights weights(std::int64_t input, std::int64_t output, WeightRounding rounding);

/// Converts a row to RGB, 16 pixels at a time.
void to_rgb(const std::uint8_t* row, PixelFormat format, std::int64_t width, std::uint8_t* out);

/// Splits rows into patches: see Kernel.
void patchify_rows(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count,
                   std::uint8_t* const* patches);

/// Clamps sixteen sums without fraction to bytes.
inline uint8x16_t to_bytes(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d) {
    const int16x8_t ab = vcombine_s16(vqmovn_s32(a), vqmovn_s32(b));
    const int16x8_t cd = vcombine_s16(vqmovn_s32(c), vqmovn_s32(d));
    return vcombine_u8(vqmovun_s16(ab), vqmovun_s16(cd));
}

/// Calls block(x, target) for each 16 columns, and writes exactly `samples` columns of `out`.
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
