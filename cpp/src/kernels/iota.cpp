#include "iota.h"

#include <cstring>

#include "intrinsics.h"

// Extents are copied first: what is written might be those of `ramps`, for all a compiler knows, and it would read them
// again after each vector.
namespace saccade {

void ramps_plain(const Ramps& ramps, std::int32_t* out) {
    for (std::int64_t r = 0; r < ramps.rows; ++r, out += ramps.stride) {
        for (std::int64_t i = 0; i < ramps.count; ++i) {
            const auto period = static_cast<std::int32_t>(i / Ramps::kPeriod), row = static_cast<std::int32_t>(r);
            out[i] = ramps.first[i % Ramps::kPeriod] + period * ramps.step[i % 2] + row * ramps.row_step[i % 2];
        }
    }
}

#if defined(__x86_64__)

namespace {

/// Both steps, for every pair of lanes.
std::int64_t pair(const std::int32_t* step) {
    std::int64_t both = 0;
    std::memcpy(&both, step, sizeof both);
    return both;
}

}  // namespace

__attribute__((target("avx2"))) void ramps_avx2(const Ramps& ramps, std::int32_t* out) {
    const std::int64_t rows = ramps.rows, count = ramps.count, stride = ramps.stride;
    const __m256i step = _mm256_set1_epi64x(pair(ramps.step)), row_step = _mm256_set1_epi64x(pair(ramps.row_step));
    __m256i left = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ramps.first));
    __m256i right = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ramps.first + 8));
    for (std::int64_t r = 0; r < rows; ++r, out += stride) {
        __m256i a = left, b = right;
        std::int64_t i = 0;
        for (; i + Ramps::kPeriod <= count; i += Ramps::kPeriod) {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), a);
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i + 8), b);
            a = _mm256_add_epi32(a, step), b = _mm256_add_epi32(b, step);
        }
        if (i < count) {
            std::int32_t last[Ramps::kPeriod];
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(last), a);
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(last + 8), b);
            std::memcpy(out + i, last, static_cast<std::size_t>(count - i) * sizeof *last);
        }
        left = _mm256_add_epi32(left, row_step), right = _mm256_add_epi32(right, row_step);
    }
}

__attribute__((target("avx512f"))) void ramps_avx512(const Ramps& ramps, std::int32_t* out) {
    const std::int64_t rows = ramps.rows, count = ramps.count, stride = ramps.stride;
    const __m512i step = _mm512_set1_epi64(pair(ramps.step)), row_step = _mm512_set1_epi64(pair(ramps.row_step));
    __m512i first = _mm512_loadu_si512(ramps.first);
    for (std::int64_t r = 0; r < rows; ++r, out += stride) {
        __m512i words = first;
        std::int64_t i = 0;
        for (; i + Ramps::kPeriod <= count; i += Ramps::kPeriod) {
            _mm512_storeu_si512(out + i, words);
            words = _mm512_add_epi32(words, step);
        }
        if (i < count) {
            _mm512_mask_storeu_epi32(out + i, static_cast<__mmask16>((1U << (count - i)) - 1), words);
        }
        first = _mm512_add_epi32(first, row_step);
    }
}

#elif defined(__aarch64__)

void ramps_neon(const Ramps& ramps, std::int32_t* out) {
    const std::int64_t rows = ramps.rows, count = ramps.count, stride = ramps.stride;
    constexpr int vectors = Ramps::kPeriod / 4;
    const std::int32_t steps[4] = {ramps.step[0], ramps.step[1], ramps.step[0], ramps.step[1]};
    const std::int32_t row_steps[4] = {ramps.row_step[0], ramps.row_step[1], ramps.row_step[0], ramps.row_step[1]};
    const int32x4_t step = vld1q_s32(steps), row_step = vld1q_s32(row_steps);
    int32x4_t first[vectors], words[vectors];
    for (int j = 0; j < vectors; ++j) first[j] = vld1q_s32(ramps.first + 4 * j);
    for (std::int64_t r = 0; r < rows; ++r, out += stride) {
        for (int j = 0; j < vectors; ++j) words[j] = first[j], first[j] = vaddq_s32(first[j], row_step);
        std::int64_t i = 0;
        for (; i + Ramps::kPeriod <= count; i += Ramps::kPeriod) {
            for (int j = 0; j < vectors; ++j) {
                vst1q_s32(out + i + 4 * j, words[j]);
                words[j] = vaddq_s32(words[j], step);
            }
        }
        if (i < count) {
            std::int32_t last[Ramps::kPeriod];
            for (int j = 0; j < vectors; ++j) vst1q_s32(last + 4 * j, words[j]);
            std::memcpy(out + i, last, static_cast<std::size_t>(count - i) * sizeof *last);
        }
    }
}

#endif

}  // namespace saccade
