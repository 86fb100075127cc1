// Shared arithmetic of the AVX2 kernel: sums of products of 16-bit samples and weights, in two halves or of 16 bits.
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

/// Two sums of products, one per half of weights of kWeightBits. Each product of vpmaddwd is below 2 x 255 x 2^12, so
/// nothing saturates. Sums and their recombination are modulo 2^32, and the result fits into 32 bits.
struct WideSum {
    static constexpr int kParts = 2;
    struct Weights {
        __m256i high, low;
    };
    __m256i high, low;

    SACCADE_AVX2_INLINE static Weights weights(const std::int32_t* packed) {
        return {_mm256_set1_epi32(packed[0]), _mm256_set1_epi32(packed[1])};
    }
    SACCADE_AVX2_INLINE static WideSum half(int) {
        return {_mm256_setzero_si256(), _mm256_set1_epi32(1 << (kWeightBits - 1))};
    }
    SACCADE_AVX2_INLINE void add(__m256i samples, const Weights& weights) {
        high = _mm256_add_epi32(high, _mm256_madd_epi16(samples, weights.high));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(samples, weights.low));
#if !defined(__clang__)
        // Keeps gcc from reordering the additions, which would need more registers than exist.
        __asm__("" : "+x"(high), "+x"(low));
#endif
    }
    SACCADE_AVX2_INLINE __m256i whole(int) const {
        return _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, kHalfBits), low), kWeightBits);
    }
};

/// One sum of products, of 16-bit weights with `bits` fraction bits. It fits into 32 bits.
struct NarrowSum {
    static constexpr int kParts = 1;
    using Weights = __m256i;
    __m256i sum;

    SACCADE_AVX2_INLINE static Weights weights(const std::int32_t* packed) { return _mm256_set1_epi32(packed[0]); }
    SACCADE_AVX2_INLINE static NarrowSum half(int bits) { return {_mm256_set1_epi32(1 << (bits - 1))}; }
    SACCADE_AVX2_INLINE void add(__m256i samples, const Weights& weights) {
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(samples, weights));
#if !defined(__clang__)
        __asm__("" : "+x"(sum));
#endif
    }
    SACCADE_AVX2_INLINE __m256i whole(int bits) const { return _mm256_sra_epi32(sum, _mm_cvtsi32_si128(bits)); }
};

/// Returns the lower samples of the last pair and the upper samples of the first: see kFolded.
SACCADE_AVX2_INLINE __m256i folded(__m256i first, __m256i last) { return _mm256_blend_epi16(last, first, 0xaa); }

}  // namespace saccade::avx2

#endif
