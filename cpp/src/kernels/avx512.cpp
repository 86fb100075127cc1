// The kernel for AVX-512 with VBMI, VBMI2 and VNNI: vpdpbusd on 8-bit samples and weights in three signed bytes, or
// two for torchvision's 16-bit weights. A group is four rows.
#if defined(__x86_64__)

#include "avx512.h"

#include <algorithm>
#include <cstring>

#include "bicubic_simd.h"
#include "normalize.h"

namespace saccade {
namespace avx512 {
namespace {

// -- coefficients -----------------------------------------------------------------------------------------------------

/// Maximum number of groups whose samples and weights fit into registers.
constexpr int kMaxInRegisters = 3;

/// Marks a last group that a shift replaces, in place of its high digits. The weights of the other groups are then for
/// samples that begin `skip` rows later, four rows out of two groups, which saves one multiplication. The shift in bits
/// follows the mark. Real high digits are between -13 and 77, or with two digits above -128.
constexpr auto kShifted = static_cast<std::int32_t>(0x80808080);

/// Packs four groups at a time: their digits, highest first, interleaved.
template <int Digits>
SACCADE_AVX512 void pack_groups(const std::int32_t* weights, std::int64_t count, std::int64_t skip, std::int64_t groups,
                                std::int32_t* packed_weights) {
    const __m512i order = Digits == 3 ? _mm512_setr_epi32(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, 0, 0, 0, 0)
                                      : _mm512_setr_epi32(4, 8, 5, 9, 6, 10, 7, 11, 0, 0, 0, 0, 0, 0, 0, 0);
    for (std::int64_t left = groups; left > 0; left -= 4, packed_weights += 4 * Digits, skip = 0) {
        const std::int64_t count_in_four = std::min(count, 4 * kTaps - skip);
        const auto lanes = static_cast<__mmask16>(((1U << count_in_four) - 1) << skip);
        const FourDigits digit = four_digits(_mm512_maskz_expandloadu_epi32(lanes, weights));
        const __m512i both = _mm512_inserti32x4(_mm512_castsi128_si512(digit.high), digit.middle, 1);
        const __m512i all = _mm512_inserti32x4(both, digit.low, 2);
        const auto stored = static_cast<__mmask16>((1U << (Digits * std::min<std::int64_t>(4, left))) - 1);
        _mm512_mask_storeu_epi32(packed_weights, stored, _mm512_permutexvar_epi32(order, all));
        weights += count_in_four, count -= count_in_four;
    }
}

template <int Digits>
void pack(const std::int32_t* weights, std::int64_t count, std::int64_t skip, std::int64_t groups,
          std::int32_t* packed_weights) {
    const std::int64_t fewest = (count + kTaps - 1) / kTaps;
    if (fewest == groups || fewest > kMaxInRegisters) {
        return pack_groups<Digits>(weights, count, skip, groups, packed_weights);
    }
    pack_groups<Digits>(weights, count, 0, fewest, packed_weights);
    packed_weights[Digits * fewest] = kShifted;
    packed_weights[Digits * fewest + 1] = static_cast<std::int32_t>(8 * skip);
}

SACCADE_AVX512 AxisWeights weights(std::int64_t input, std::int64_t output, WeightRounding rounding) {
    return bicubic_weights_simd(input, output, rounding);
}

// -- vertical pass ----------------------------------------------------------------------------------------------------

/// Loads four rows of samples: the group at `group`, or the bytes from `shift` bits in it and the next group.
template <bool Shifted>
SACCADE_AVX512_INLINE __m512i four_rows(const std::uint8_t* const* group, std::int64_t at, __m512i shift) {
    const __m512i first = _mm512_load_si512(group[0] + at);
    return Shifted ? _mm512_shrdv_epi32(first, _mm512_load_si512(group[1] + at), shift) : first;
}

/// Sums few groups, whose samples and weights stay in registers. The digits are summed one after the other, which saves
/// the additions that combine the sums.
template <int Digits, int Count, bool Shifted>
SACCADE_AVX512_INLINE __m512i by_digits(const std::int32_t* packed_weights, const std::uint8_t* const* groups,
                                        std::int64_t x, __m512i shift, int bits) {
    constexpr int vectors = 4;
    __m512i samples[Count][vectors], sums[vectors];
    for (int j = 0; j < vectors; ++j) sums[j] = high_half<Digits>(bits);
    for (int digit = 0; digit < Digits; ++digit) {
        for (int i = 0; i < Count; ++i) {
            const __m512i weights = broadcast(packed_weights[Digits * i + digit]);
            for (int j = 0; j < vectors; ++j) {
                if (digit == 0) samples[i][j] = four_rows<Shifted>(groups + i, 4 * x + kVector * j, shift);
                sums[j] = _mm512_dpbusd_epi32(sums[j], samples[i][j], weights);
            }
        }
        if (digit == Digits - 1) break;
        for (int j = 0; j < vectors; ++j) sums[j] = _mm512_slli_epi32(sums[j], 8);
    }
    for (int j = 0; j < vectors; ++j) sums[j] = without_fraction<Digits>(sums[j], bits);
    return packed(sums[0], sums[1], sums[2], sums[3]);
}

/// Sums any number of groups.
template <int Digits>
SACCADE_AVX512_INLINE __m512i by_groups(const std::int32_t* packed_weights, const std::uint8_t* const* groups,
                                        int count, std::int64_t x, int bits) {
    FourSums<Digits> sums = four_halves<Digits>(bits);
    for (int i = 0; i < count; ++i) {
        Weights<Digits> weights;
        for (int d = 0; d < Digits; ++d) weights.digit[d] = broadcast(packed_weights[Digits * i + d]);
        const std::uint8_t* from = groups[i] + 4 * x;
        add(sums.a, _mm512_load_si512(from), weights);
        add(sums.b, _mm512_load_si512(from + kVector), weights);
        add(sums.c, _mm512_load_si512(from + 2 * kVector), weights);
        add(sums.d, _mm512_load_si512(from + 3 * kVector), weights);
    }
    return packed(sums, bits);
}

/// Computes 64 columns of one row. Count 0: any number of groups.
template <int Digits, int Count, bool Shifted>
SACCADE_AVX512_INLINE void columns64(const std::int32_t* packed_weights, const std::uint8_t* const* groups, int count,
                                     std::int64_t x, __m512i shift, int bits, std::uint8_t* out) {
    // Packing works on quarters of vectors; the permutation restores the order of columns.
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    if constexpr (Count >= 1 && Count <= kMaxInRegisters) {
        store(out, _mm512_permutexvar_epi32(order,
                                            by_digits<Digits, Count, Shifted>(packed_weights, groups, x, shift, bits)));
    } else {
        store(out, _mm512_permutexvar_epi32(
                       order, by_groups<Digits>(packed_weights, groups, Count != 0 ? Count : count, x, bits)));
    }
}

template <int Digits, int Count, bool Shifted = false>
SACCADE_AVX512 void vertical_of(const std::int32_t* packed_weights, const std::uint8_t* const* groups, int count,
                                std::int64_t samples, int bits, std::uint8_t* out) {
    const __m512i shift = broadcast(Shifted ? packed_weights[Digits * Count + 1] : 0);
    std::int64_t x = 0;
    for (; x + kVector <= samples; x += kVector)
        columns64<Digits, Count, Shifted>(packed_weights, groups, count, x, shift, bits, out + x);
    if (x < samples) {
        std::uint8_t tail[kVector];
        columns64<Digits, Count, Shifted>(packed_weights, groups, count, x, shift, bits, tail);
        std::memcpy(out + x, tail, static_cast<std::size_t>(samples - x));
    }
}

template <int Digits>
void vertical(const std::int32_t* packed_weights, const std::uint8_t* const* groups, std::int64_t count,
              std::int64_t samples, int bits, std::uint8_t* out) {
    if (packed_weights[Digits * (count - 1)] == kShifted) {
        switch (count - 1) {
            case 1:
                return vertical_of<Digits, 1, true>(packed_weights, groups, 1, samples, bits, out);
            case 2:
                return vertical_of<Digits, 2, true>(packed_weights, groups, 2, samples, bits, out);
            default:
                return vertical_of<Digits, 3, true>(packed_weights, groups, 3, samples, bits, out);
        }
    }
    switch (count) {
        case 1:
            return vertical_of<Digits, 1>(packed_weights, groups, 1, samples, bits, out);
        case 2:
            return vertical_of<Digits, 2>(packed_weights, groups, 2, samples, bits, out);
        case 3:
            return vertical_of<Digits, 3>(packed_weights, groups, 3, samples, bits, out);
        case 4:
            return vertical_of<Digits, 4>(packed_weights, groups, 4, samples, bits, out);
        case 7:
            return vertical_of<Digits, 7>(packed_weights, groups, 7, samples, bits, out);
        case 8:
            return vertical_of<Digits, 8>(packed_weights, groups, 8, samples, bits, out);
        default:
            return vertical_of<Digits, 0>(packed_weights, groups, static_cast<int>(count), samples, bits, out);
    }
}

// -- rows, groups, patches --------------------------------------------------------------------------------------------

/// Returns the permutation from four rows of 16 columns to 16 columns of four rows; the reverse if `back`.
SACCADE_AVX512_INLINE __m512i transposition(bool back) {
    alignas(64) std::uint8_t index[64];
    for (int column = 0; column < kLanes; ++column) {
        for (int row = 0; row < kRowsInGroup; ++row) {
            const int in_rows = 16 * row + column, in_group = 4 * column + row;
            index[back ? in_rows : in_group] = static_cast<std::uint8_t>(back ? in_group : in_rows);
        }
    }
    return _mm512_load_si512(index);
}

SACCADE_AVX512 void interleave(const std::uint8_t* const* rows, std::int64_t samples, std::uint8_t* group) {
    const __m512i order = transposition(false);
    for (std::int64_t x = 0; x < samples; x += kLanes) {
        __m512i four = _mm512_castsi128_si512(load16(rows[0] + x));
        four = _mm512_mask_broadcast_i32x4(four, 0x00f0, load16(rows[1] + x));
        four = _mm512_mask_broadcast_i32x4(four, 0x0f00, load16(rows[2] + x));
        four = _mm512_mask_broadcast_i32x4(four, 0xf000, load16(rows[3] + x));
        _mm512_store_si512(group + 4 * x, _mm512_permutexvar_epi8(order, four));
    }
}

SACCADE_AVX512 void deinterleave(const std::uint8_t* group, std::int64_t samples, std::uint8_t* const* rows) {
    const __m512i order = transposition(true);
    std::int64_t x = 0;
    for (; x + kLanes <= samples; x += kLanes) {
        const __m512i four = _mm512_permutexvar_epi8(order, _mm512_load_si512(group + 4 * x));
        store16(rows[0] + x, _mm512_castsi512_si128(four));
        store16(rows[1] + x, _mm512_extracti32x4_epi32(four, 1));
        store16(rows[2] + x, _mm512_extracti32x4_epi32(four, 2));
        store16(rows[3] + x, _mm512_extracti32x4_epi32(four, 3));
    }
    for (; x < samples; ++x) {
        for (int r = 0; r < kRowsInGroup; ++r) rows[r][x] = group[4 * x + r];
    }
}

/// Converts sixteen pixels at a time, of four bytes or one byte each.
SACCADE_AVX512 void to_rgb(const std::uint8_t* row, PixelFormat format, std::int64_t width, std::uint8_t* out) {
    alignas(64) std::uint8_t index[64] = {};
    const bool grey = format == PixelFormat::kGrey, bgra = format == PixelFormat::kBgra;
    for (int i = 0; i < 48; ++i) {
        index[i] = static_cast<std::uint8_t>(grey ? i / 3 : 4 * (i / 3) + (bgra ? 2 - i % 3 : i % 3));
    }
    const __m512i order = _mm512_load_si512(index);
    std::int64_t x = 0;
    for (; format != PixelFormat::kRgb && x + 16 <= width; x += 16) {
        const __m512i pixels = grey ? _mm512_castsi128_si512(load16(row + x)) : load(row + 4 * x);
        store(out + kChannels * x, _mm512_permutexvar_epi8(order, pixels));
    }
    to_rgb_plain(row, format, x, width, out);
}

/// Splits rows into patches of at most 16 pixels per side: one vpermb moves a row's channels into three quarters of a
/// vector. Writes past a row's end are overwritten by the next row; the last row is written exactly.
template <int Side>
SACCADE_AVX512 void patchify_rows_of(const std::uint8_t* const* rows, std::int64_t count,
                                     std::uint8_t* const* patches) {
    constexpr std::int64_t area = Side * Side;
    alignas(64) std::uint8_t index[64] = {};
    for (int i = 0; i < 48; ++i) index[i] = static_cast<std::uint8_t>(3 * (i % 16) + i / 16);
    const __m512i order = _mm512_load_si512(index);
    for (std::int64_t i = 0; i < count; ++i) {
        std::uint8_t* const patch = patches[i];  // a copy, because byte writes may alias patches[i]
        for (std::int64_t y = 0; y < Side; ++y) {
            const __m512i planes = _mm512_permutexvar_epi8(order, load(rows[y] + kChannels * Side * i));
            std::uint8_t* out = patch + y * Side;
            const __m128i red = _mm512_castsi512_si128(planes), green = _mm512_extracti32x4_epi32(planes, 1);
            const __m128i blue = _mm512_extracti32x4_epi32(planes, 2);
            if (Side == 16 || y + 1 < Side) {
                store16(out, red), store16(out + area, green), store16(out + 2 * area, blue);
            } else {
                constexpr __mmask16 exact = (1U << Side) - 1;
                _mm_mask_storeu_epi8(out, exact, red);
                _mm_mask_storeu_epi8(out + area, exact, green);
                _mm_mask_storeu_epi8(out + 2 * area, exact, blue);
            }
        }
    }
}

void patchify_rows(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count,
                   std::uint8_t* const* patches) {
    if (patch_size == 14) return patchify_rows_of<14>(rows, count, patches);
    if (patch_size == 16) return patchify_rows_of<16>(rows, count, patches);
    patchify_rows_plain(rows, patch_size, count, patches);
}

bool supported() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
           __builtin_cpu_supports("avx512vnni");
}

}  // namespace
}  // namespace avx512

const Kernel kAvx512Kernel = {
    .name = "avx512",
    .supported = avx512::supported,
    .rows_in_group = avx512::kRowsInGroup,
    .rows_in_call = avx512::kRowsInCall,
    .bytes_per_column = 4,
    .weights = avx512::weights,
    .wide = {kAnyWeight, 3, avx512::horizontal<3>, avx512::pack<3>, avx512::vertical<3>},
    .narrow = {kMaxTwoDigits, 2, avx512::horizontal<2>, avx512::pack<2>, avx512::vertical<2>},
    .interleave = avx512::interleave,
    .deinterleave = avx512::deinterleave,
    .to_rgb = avx512::to_rgb,
    .patchify_rows = avx512::patchify_rows,
    .normalize = normalize_avx512,
    .iota = iota_avx512,
};

}  // namespace saccade

#endif
