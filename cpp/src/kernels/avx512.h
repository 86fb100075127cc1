// Shared arithmetic of the AVX-512 kernel: sums of products of 8-bit samples and weights in three signed bytes, or two
// for torchvision's 16-bit weights.
#pragma once

#if defined(__x86_64__)

#include "../image.h"
#include "intrinsics.h"
#include "kernel.h"

#define SACCADE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx512vnni")))
#define SACCADE_AVX512_INLINE SACCADE_AVX512 __attribute__((always_inline)) inline

namespace saccade::avx512 {

constexpr int kRowsInGroup = 4;
constexpr int kRowsInCall = 8;
constexpr std::int64_t kVector = 64;  // bytes
constexpr std::int64_t kLanes = 16;   // 32-bit lanes: the columns of a block
constexpr std::int64_t kPixels = 16;  // pixels whose weights are stored together: 48 columns, three blocks
constexpr std::int64_t kTaps = 4;     // products that vpdpbusd adds

SACCADE_AVX512_INLINE __m512i load(const void* from) { return _mm512_loadu_si512(from); }
SACCADE_AVX512_INLINE void store(void* to, __m512i value) { _mm512_storeu_si512(to, value); }
SACCADE_AVX512_INLINE __m128i load16(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
SACCADE_AVX512_INLINE void store16(void* to, __m128i value) { _mm_storeu_si128(static_cast<__m128i*>(to), value); }
SACCADE_AVX512_INLINE __m512i broadcast(std::int32_t word) { return _mm512_set1_epi32(word); }

/// Sums, one per digit of the weights, highest first: three digits of kWeightBits, or two of torchvision's 16 bits.
/// Sums and their recombination are modulo 2^32, as vpdpbusd (not vpdpbusds) computes them, and the result fits into 32
/// bits.
template <int Digits>
struct Sum {
    __m512i digit[Digits];
};

/// Returns the half that rounds, in the highest digit. bits: fraction bits of the weights.
template <int Digits>
SACCADE_AVX512_INLINE __m512i high_half(int bits) {
    return broadcast(1 << (bits - 1 - 8 * (Digits - 1)));
}
template <int Digits>
SACCADE_AVX512_INLINE Sum<Digits> half(int bits) {
    Sum<Digits> sum;
    sum.digit[0] = high_half<Digits>(bits);
    for (int d = 1; d < Digits; ++d) sum.digit[d] = _mm512_setzero_si512();
    return sum;
}

/// The digits of four weights for each lane, highest first.
template <int Digits>
struct Weights {
    __m512i digit[Digits];
};
template <int Digits>
SACCADE_AVX512_INLINE void add(Sum<Digits>& sum, __m512i samples, const Weights<Digits>& weights) {
    for (int d = 0; d < Digits; ++d) {
        sum.digit[d] = _mm512_dpbusd_epi32(sum.digit[d], samples, weights.digit[d]);
#if !defined(__clang__)
        __asm__("" : "+v"(sum.digit[d]));  // keeps gcc 12 from also storing each sum
#endif
    }
}

/// The digits of sixteen weights: one digit of four weights per 32 bits.
struct FourDigits {
    __m128i high, middle, low;
};
SACCADE_AVX512_INLINE FourDigits four_digits(__m512i weights) {
    const __m512i carry = broadcast(128);  // makes the lower digit signed
    const __m512i rest = _mm512_srai_epi32(_mm512_add_epi32(weights, carry), 8);
    const __m512i highest = _mm512_srai_epi32(_mm512_add_epi32(rest, carry), 8);
    return {_mm512_cvtepi32_epi8(highest), _mm512_cvtepi32_epi8(rest), _mm512_cvtepi32_epi8(weights)};
}

/// Expands the weights of 16 pixels to lanes: each lane gets those of its column's pixel.
template <int Digits>
SACCADE_AVX512_INLINE Weights<Digits> expanded(const std::uint8_t* stored, __m512i pixel) {
    Weights<Digits> weights;
    for (int d = 0; d < Digits; ++d) weights.digit[d] = _mm512_permutexvar_epi32(pixel, load(stored + d * kVector));
    return weights;
}

/// Removes the fraction of a sum. That of three digits is known when compiled.
template <int Digits>
SACCADE_AVX512_INLINE __m512i without_fraction(__m512i sum, int bits) {
    return Digits == 3 ? _mm512_srai_epi32(sum, kWeightBits) : _mm512_sra_epi32(sum, _mm_cvtsi32_si128(bits));
}
template <int Digits>
SACCADE_AVX512_INLINE __m512i whole(const Sum<Digits>& sum, int bits) {
    __m512i total = _mm512_slli_epi32(sum.digit[0], 8 * (Digits - 1));
    for (int d = 1; d < Digits - 1; ++d) {
        total = _mm512_add_epi32(total, _mm512_slli_epi32(sum.digit[d], 8 * (Digits - 1 - d)));
    }
    return without_fraction<Digits>(_mm512_add_epi32(total, sum.digit[Digits - 1]), bits);
}

/// The sums of four rows, or of four vectors of columns.
template <int Digits>
struct FourSums {
    Sum<Digits> a, b, c, d;
};
template <int Digits>
SACCADE_AVX512_INLINE FourSums<Digits> four_halves(int bits) {
    return {half<Digits>(bits), half<Digits>(bits), half<Digits>(bits), half<Digits>(bits)};
}
SACCADE_AVX512_INLINE __m512i packed(__m512i a, __m512i b, __m512i c, __m512i d) {
    return _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
}
template <int Digits>
SACCADE_AVX512_INLINE __m512i packed(const FourSums<Digits>& sums, int bits) {
    return packed(whole(sums.a, bits), whole(sums.b, bits), whole(sums.c, bits), whole(sums.d, bits));
}

/// Returns sixteen columns of a group. Packing sixteen columns of four rows leaves aaaabbbbccccdddd, four bytes of each
/// row, in each quarter of the vector; the group needs abcdabcdabcdabcd.
SACCADE_AVX512_INLINE __m512i interleaved(__m512i packed_rows) {
    return _mm512_shuffle_epi8(packed_rows, _mm512_set4_epi32(0x0f0b0703, 0x0e0a0602, 0x0d090501, 0x0c080400));
}

/// Returns the horizontal pass: Dense, or Spread if the samples of neighboring pixels are too far apart.
template <int Digits>
std::unique_ptr<HorizontalPass> horizontal(const AxisWeights& axis);

}  // namespace saccade::avx512

#endif
