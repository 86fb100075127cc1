#include "iota.h"

#include <cstring>

#include "intrinsics.h"

// Extents are copied first. Compilers assume that writes may alias them, and would read them again after each vector.
namespace saccade {

void iota_plain(const Iota& iota, std::int32_t* out) {
    for (std::int64_t r = 0; r < iota.rows; ++r, out += iota.stride) {
        for (std::int64_t i = 0; i < iota.count; ++i) {
            const auto period = static_cast<std::int32_t>(i / Iota::kPeriod), row = static_cast<std::int32_t>(r);
            out[i] = iota.first[i % Iota::kPeriod] + period * iota.step[i % 2] + row * iota.row_step[i % 2];
        }
    }
}

#if defined(__x86_64__)

namespace {

/// Returns both steps in 64 bits, for every pair of lanes.
std::int64_t pair(const std::int32_t* step) {
    std::int64_t both = 0;
    std::memcpy(&both, step, sizeof both);
    return both;
}

}  // namespace

__attribute__((target("avx2"))) void iota_avx2(const Iota& iota, std::int32_t* out) {
    const std::int64_t rows = iota.rows, count = iota.count, stride = iota.stride;
    const __m256i step = _mm256_set1_epi64x(pair(iota.step)), row_step = _mm256_set1_epi64x(pair(iota.row_step));
    __m256i left = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(iota.first));
    __m256i right = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(iota.first + 8));
    for (std::int64_t r = 0; r < rows; ++r, out += stride) {
        __m256i a = left, b = right;
        std::int64_t i = 0;
        for (; i + Iota::kPeriod <= count; i += Iota::kPeriod) {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), a);
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i + 8), b);
            a = _mm256_add_epi32(a, step), b = _mm256_add_epi32(b, step);
        }
        if (i < count) {
            std::int32_t last[Iota::kPeriod];
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(last), a);
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(last + 8), b);
            std::memcpy(out + i, last, static_cast<std::size_t>(count - i) * sizeof *last);
        }
        left = _mm256_add_epi32(left, row_step), right = _mm256_add_epi32(right, row_step);
    }
}

__attribute__((target("avx512f"))) void iota_avx512(const Iota& iota, std::int32_t* out) {
    const std::int64_t rows = iota.rows, count = iota.count, stride = iota.stride;
    const __m512i step = _mm512_set1_epi64(pair(iota.step)), row_step = _mm512_set1_epi64(pair(iota.row_step));
    __m512i first = _mm512_loadu_si512(iota.first);
    for (std::int64_t r = 0; r < rows; ++r, out += stride) {
        __m512i values = first;
        std::int64_t i = 0;
        for (; i + Iota::kPeriod <= count; i += Iota::kPeriod) {
            _mm512_storeu_si512(out + i, values);
            values = _mm512_add_epi32(values, step);
        }
        if (i < count) {
            _mm512_mask_storeu_epi32(out + i, static_cast<__mmask16>((1U << (count - i)) - 1), values);
        }
        first = _mm512_add_epi32(first, row_step);
    }
}

#elif defined(__aarch64__)

void iota_neon(const Iota& iota, std::int32_t* out) {
    const std::int64_t rows = iota.rows, count = iota.count, stride = iota.stride;
    constexpr int vectors = Iota::kPeriod / 4;
    const std::int32_t steps[4] = {iota.step[0], iota.step[1], iota.step[0], iota.step[1]};
    const std::int32_t row_steps[4] = {iota.row_step[0], iota.row_step[1], iota.row_step[0], iota.row_step[1]};
    const int32x4_t step = vld1q_s32(steps), row_step = vld1q_s32(row_steps);
    int32x4_t first[vectors], values[vectors];
    for (int j = 0; j < vectors; ++j) first[j] = vld1q_s32(iota.first + 4 * j);
    for (std::int64_t r = 0; r < rows; ++r, out += stride) {
        for (int j = 0; j < vectors; ++j) values[j] = first[j], first[j] = vaddq_s32(first[j], row_step);
        std::int64_t i = 0;
        for (; i + Iota::kPeriod <= count; i += Iota::kPeriod) {
            for (int j = 0; j < vectors; ++j) {
                vst1q_s32(out + i + 4 * j, values[j]);
                values[j] = vaddq_s32(values[j], step);
            }
        }
        if (i < count) {
            std::int32_t last[Iota::kPeriod];
            for (int j = 0; j < vectors; ++j) vst1q_s32(last + 4 * j, values[j]);
            std::memcpy(out + i, last, static_cast<std::size_t>(count - i) * sizeof *last);
        }
    }
}

#endif

}  // namespace saccade
