#include "normalize.h"

#include <cstring>

#include "../exact_float.h"
#include "intrinsics.h"

namespace saccade {
namespace {

[[maybe_unused]] constexpr float kMaxByte = 255.0F;
[[maybe_unused]] constexpr float kInverseOfMaxByte = 1.0F / kMaxByte;

}  // namespace

#if defined(__x86_64__)

#define SACCADE_FMA __attribute__((target("avx2,fma")))
#define SACCADE_FMA_INLINE SACCADE_FMA __attribute__((always_inline)) inline
#define SACCADE_WIDE __attribute__((target("avx512f,avx512bw,avx512vl")))
#define SACCADE_WIDE_INLINE SACCADE_WIDE __attribute__((always_inline)) inline

namespace {

SACCADE_FMA_INLINE __m256 quotient(__m256 dividend, __m256 divisor, __m256 inverse) {
    const __m256 near = _mm256_mul_ps(dividend, inverse);
    return _mm256_fmadd_ps(_mm256_fnmadd_ps(near, divisor, dividend), inverse, near);
}

SACCADE_WIDE_INLINE __m512 quotient(__m512 dividend, __m512 divisor, __m512 inverse) {
    const __m512 near = _mm512_mul_ps(dividend, inverse);
    return _mm512_fmadd_ps(_mm512_fnmadd_ps(near, divisor, dividend), inverse, near);
}

template <bool Fused>
SACCADE_FMA void normalize(float mean, float std, const std::uint8_t* bytes, std::int64_t count, float* out) {
    const __m256 means = _mm256_set1_ps(mean), stds = _mm256_set1_ps(std), inverse = _mm256_set1_ps(1.0F / std);
    const __m256 max_byte = _mm256_set1_ps(kMaxByte), inverse_max = _mm256_set1_ps(kInverseOfMaxByte);
    const auto eight = [&](const std::uint8_t* from) SACCADE_FMA {
        const __m128i packed = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
        const __m256 value = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(packed));
        return quotient(_mm256_sub_ps(Fused ? value : quotient(value, max_byte, inverse_max), means), stds, inverse);
    };
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) _mm256_storeu_ps(out + i, eight(bytes + i));
    if (i < count) {
        std::uint8_t last[8] = {};
        float floats[8];
        std::memcpy(last, bytes + i, static_cast<std::size_t>(count - i));
        _mm256_storeu_ps(floats, eight(last));
        std::memcpy(out + i, floats, static_cast<std::size_t>(count - i) * sizeof(float));
    }
}

}  // namespace

void normalize_avx2(const ChannelNormalization& constants, const std::uint8_t* bytes, std::int64_t count, float* out) {
    const auto& [mean, std, fused] = constants;
    return fused ? normalize<true>(mean, std, bytes, count, out) : normalize<false>(mean, std, bytes, count, out);
}

namespace {

template <bool Fused>
SACCADE_WIDE void normalize_wide(float mean, float std, const std::uint8_t* bytes, std::int64_t count, float* out) {
    const __m512 means = _mm512_set1_ps(mean), stds = _mm512_set1_ps(std), inverse = _mm512_set1_ps(1.0F / std);
    const __m512 max_byte = _mm512_set1_ps(kMaxByte), inverse_max = _mm512_set1_ps(kInverseOfMaxByte);
    const auto sixteen = [&](__m128i packed) SACCADE_WIDE {
        const __m512 value = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(packed));
        return quotient(_mm512_sub_ps(Fused ? value : quotient(value, max_byte, inverse_max), means), stds, inverse);
    };
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
        _mm512_storeu_ps(out + i, sixteen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + i))));
    }
    if (i < count) {
        const auto there = static_cast<__mmask16>((1U << (count - i)) - 1);
        _mm512_mask_storeu_ps(out + i, there, sixteen(_mm_maskz_loadu_epi8(there, bytes + i)));
    }
}

}  // namespace

void normalize_avx512(const ChannelNormalization& constants, const std::uint8_t* bytes, std::int64_t count,
                      float* out) {
    const auto& [mean, std, fused] = constants;
    return fused ? normalize_wide<true>(mean, std, bytes, count, out)
                 : normalize_wide<false>(mean, std, bytes, count, out);
}

#elif defined(__aarch64__)

namespace {

float32x4_t quotient(float32x4_t dividend, float32x4_t divisor, float32x4_t inverse) {
    const float32x4_t near = vmulq_f32(dividend, inverse);
    return vfmaq_f32(near, vfmsq_f32(dividend, near, divisor), inverse);
}

template <bool Fused>
void normalize(float mean, float std, const std::uint8_t* bytes, std::int64_t count, float* out) {
    const float32x4_t means = vdupq_n_f32(mean), stds = vdupq_n_f32(std), inverse = vdupq_n_f32(1.0F / std);
    const float32x4_t max_byte = vdupq_n_f32(kMaxByte), inverse_max = vdupq_n_f32(kInverseOfMaxByte);
    const auto eight = [&](const std::uint8_t* from, float* to) {
        const uint16x8_t wide = vmovl_u8(vld1_u8(from));
        const uint16x4_t halves[2] = {vget_low_u16(wide), vget_high_u16(wide)};
        for (int i = 0; i < 2; ++i) {
            const float32x4_t value = vcvtq_f32_u32(vmovl_u16(halves[i]));
            const float32x4_t centered = vsubq_f32(Fused ? value : quotient(value, max_byte, inverse_max), means);
            vst1q_f32(to + 4 * i, quotient(centered, stds, inverse));
        }
    };
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) eight(bytes + i, out + i);
    if (i < count) {
        std::uint8_t last[8] = {};
        float floats[8];
        std::memcpy(last, bytes + i, static_cast<std::size_t>(count - i));
        eight(last, floats);
        std::memcpy(out + i, floats, static_cast<std::size_t>(count - i) * sizeof(float));
    }
}

}  // namespace

void normalize_neon(const ChannelNormalization& constants, const std::uint8_t* bytes, std::int64_t count, float* out) {
    const auto& [mean, std, fused] = constants;
    return fused ? normalize<true>(mean, std, bytes, count, out) : normalize<false>(mean, std, bytes, count, out);
}

#endif

}  // namespace saccade
