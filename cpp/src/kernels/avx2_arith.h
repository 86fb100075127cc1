// Shared arithmetic of the AVX2 kernel: sums of products of 16-bit samples and weights in two halves.
#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

#include "avx2.h"

#define SACCADE_AVX2 __attribute__((target("avx2")))
#define SACCADE_AVX2_INLINE SACCADE_AVX2 __attribute__((always_inline)) inline

namespace saccade::avx2 {

constexpr int kRowsInCall = 8;

SACCADE_AVX2_INLINE __m256i load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
SACCADE_AVX2_INLINE void store(void* to, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(to), value); }
SACCADE_AVX2_INLINE __m128i load16(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
SACCADE_AVX2_INLINE void store16(void* to, __m128i value) { _mm_storeu_si128(static_cast<__m128i*>(to), value); }

/// Two sums of products, one per half of the weights. Each product of vpmaddwd is below 2 x 255 x 2^12, so nothing
/// saturates. Sums and their recombination are modulo 2^32, and the result fits into 32 bits.
struct Sum {
    __m256i high, low;
};
SACCADE_AVX2_INLINE Sum half() { return {_mm256_setzero_si256(), _mm256_set1_epi32(1 << (kWeightBits - 1))}; }
SACCADE_AVX2_INLINE void add(Sum& sum, __m256i samples, __m256i high, __m256i low) {
    sum.high = _mm256_add_epi32(sum.high, _mm256_madd_epi16(samples, high));
    sum.low = _mm256_add_epi32(sum.low, _mm256_madd_epi16(samples, low));
#if !defined(__clang__)
    // Keeps gcc from reordering the additions, which would need more registers than exist.
    __asm__("" : "+x"(sum.high), "+x"(sum.low));
#endif
}
SACCADE_AVX2_INLINE __m256i whole(const Sum& sum) {
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(sum.high, kHalfBits), sum.low), kWeightBits);
}

/// Returns the lower samples of the last pair and the upper samples of the first: see kFolded.
SACCADE_AVX2_INLINE __m256i folded(__m256i first, __m256i last) { return _mm256_blend_epi16(last, first, 0xaa); }

}  // namespace saccade::avx2

#endif
