// The AVX2 kernel: vpmaddwd on 16-bit samples and weights in two halves of 11 bits, or torchvision's 16-bit weights. A
// group is two rows.
#if defined(__x86_64__)

#include <algorithm>
#include <cstring>

#include "avx2_arith.h"
#include "bicubic_simd.h"
#include "normalize.h"

namespace saccade {
namespace avx2 {
namespace {

// -- coefficients -----------------------------------------------------------------------------------------------------

void pack_two(const std::int32_t* weights, std::int32_t* packed_weights) {
    const WeightHalves a = halves(weights[0]), b = halves(weights[1]);
    const std::int16_t high[2] = {a.high, b.high}, low[2] = {a.low, b.low};
    std::memcpy(packed_weights, high, 4);
    std::memcpy(packed_weights + 1, low, 4);
}

void pack_two_narrow(const std::int32_t* weights, std::int32_t* packed_weights) {
    const std::int16_t two[2] = {static_cast<std::int16_t>(weights[0]), static_cast<std::int16_t>(weights[1])};
    std::memcpy(packed_weights, two, 4);
}

}  // namespace

template <int Parts>
void pack(const std::int32_t* weights, std::int64_t count, std::int64_t skip, std::int64_t groups,
          std::int32_t* packed_weights) {
    const bool folded = groups > 2 && skip == 1 && count == 2 * (groups - 1);
    for (std::int64_t i = 0; i < groups; ++i, packed_weights += Parts) {
        std::int32_t two[2];
        copy_weights<2>(weights, count, 2 * i - skip, two);
        if (folded && i == 0) two[0] = weights[count - 1];
        if constexpr (Parts == 2) {
            pack_two(two, packed_weights);
        } else {
            pack_two_narrow(two, packed_weights);
        }
    }
    if (folded) packed_weights[-Parts] = kFolded;
}
template void pack<1>(const std::int32_t*, std::int64_t, std::int64_t, std::int64_t, std::int32_t*);
template void pack<2>(const std::int32_t*, std::int64_t, std::int64_t, std::int64_t, std::int32_t*);

SACCADE_AVX2 AxisWeights weights(std::int64_t input, std::int64_t output, WeightRounding rounding) {
    return bicubic_weights_simd(input, output, rounding);
}

namespace {

// -- vertical pass ----------------------------------------------------------------------------------------------------

/// Computes 32 columns of one row. Count 0: any number of groups. Folded: the first group is folded with the last.
template <typename Sum, int Count, bool Folded>
SACCADE_AVX2_INLINE void columns32(const std::int32_t* packed_weights, const std::uint8_t* const* groups, int count,
                                   std::int64_t x, int bits, std::uint8_t* out) {
    Sum sums[4] = {Sum::half(bits), Sum::half(bits), Sum::half(bits), Sum::half(bits)};
    const int pairs = Count != 0 ? Count : count;
    for (int i = 0; i < pairs; ++i) {
        const auto weights = Sum::weights(packed_weights + Sum::kParts * i);
        for (int j = 0; j < 4; ++j) {
            __m256i samples = load(groups[i] + 4 * x + 32 * j);
            if (Folded && i == 0) samples = folded(samples, load(groups[pairs] + 4 * x + 32 * j));
            sums[j].add(samples, weights);
        }
    }
    // Packing works on halves of vectors; the permutation restores the order of columns.
    const __m256i packed = _mm256_packus_epi16(_mm256_packs_epi32(sums[0].whole(bits), sums[1].whole(bits)),
                                               _mm256_packs_epi32(sums[2].whole(bits), sums[3].whole(bits)));
    store(out, _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
}

template <typename Sum, int Count, bool Folded = false>
SACCADE_AVX2 void vertical_of(const std::int32_t* packed_weights, const std::uint8_t* const* groups, int count,
                              std::int64_t samples, int bits, std::uint8_t* out) {
    std::int64_t x = 0;
    for (; x + 32 <= samples; x += 32) columns32<Sum, Count, Folded>(packed_weights, groups, count, x, bits, out + x);
    if (x < samples) {
        std::uint8_t tail[32];
        columns32<Sum, Count, Folded>(packed_weights, groups, count, x, bits, tail);
        std::memcpy(out + x, tail, static_cast<std::size_t>(samples - x));
    }
}

template <typename Sum>
void vertical(const std::int32_t* packed_weights, const std::uint8_t* const* groups, std::int64_t count,
              std::int64_t samples, int bits, std::uint8_t* out) {
    if (packed_weights[Sum::kParts * (count - 1)] == kFolded) {
        switch (count - 1) {
            case 2:
                return vertical_of<Sum, 2, true>(packed_weights, groups, 2, samples, bits, out);
            case 3:
                return vertical_of<Sum, 3, true>(packed_weights, groups, 3, samples, bits, out);
            case 6:
                return vertical_of<Sum, 6, true>(packed_weights, groups, 6, samples, bits, out);
            default:
                return vertical_of<Sum, 0, true>(packed_weights, groups, static_cast<int>(count - 1), samples, bits,
                                                 out);
        }
    }
    switch (count) {
        case 2:
            return vertical_of<Sum, 2>(packed_weights, groups, 2, samples, bits, out);
        case 3:
            return vertical_of<Sum, 3>(packed_weights, groups, 3, samples, bits, out);
        case 4:
            return vertical_of<Sum, 4>(packed_weights, groups, 4, samples, bits, out);
        case 6:
            return vertical_of<Sum, 6>(packed_weights, groups, 6, samples, bits, out);
        case 7:
            return vertical_of<Sum, 7>(packed_weights, groups, 7, samples, bits, out);
        default:
            return vertical_of<Sum, 0>(packed_weights, groups, static_cast<int>(count), samples, bits, out);
    }
}

// -- rows, groups, patches --------------------------------------------------------------------------------------------

}  // namespace

SACCADE_AVX2 void interleave(const std::uint8_t* const* rows, std::int64_t samples, std::uint8_t* group) {
    for (std::int64_t x = 0; x < samples; x += 16) {
        const __m128i a = load16(rows[0] + x), b = load16(rows[1] + x);
        store(group + 4 * x, _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)));
        store(group + 4 * x + 32, _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b)));
    }
}

namespace {

/// Deinterleaves 32 columns of a group into row 0 (`even`) and row 1 (`odd`).
SACCADE_AVX2_INLINE void deinterleave32(const std::uint8_t* group, std::uint8_t* even, std::uint8_t* odd) {
    const __m256i low = _mm256_set1_epi32(0xffff), order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i a[4], b[4];
    for (int j = 0; j < 4; ++j) {
        const __m256i both = load(group + 32 * j);
        a[j] = _mm256_and_si256(both, low);
        b[j] = _mm256_srli_epi32(both, 16);
    }
    store(even, _mm256_permutevar8x32_epi32(
                    _mm256_packus_epi16(_mm256_packus_epi32(a[0], a[1]), _mm256_packus_epi32(a[2], a[3])), order));
    store(odd, _mm256_permutevar8x32_epi32(
                   _mm256_packus_epi16(_mm256_packus_epi32(b[0], b[1]), _mm256_packus_epi32(b[2], b[3])), order));
}

}  // namespace

SACCADE_AVX2 void deinterleave(const std::uint8_t* group, std::int64_t samples, std::uint8_t* const* rows) {
    std::int64_t x = 0;
    for (; x + 32 <= samples; x += 32) deinterleave32(group + 4 * x, rows[0] + x, rows[1] + x);
    if (x < samples) {
        std::uint8_t even[32], odd[32];
        deinterleave32(group + 4 * x, even, odd);
        std::memcpy(rows[0] + x, even, static_cast<std::size_t>(samples - x));
        std::memcpy(rows[1] + x, odd, static_cast<std::size_t>(samples - x));
    }
}

SACCADE_AVX2 void to_rgb(const std::uint8_t* row, PixelFormat format, std::int64_t width, std::uint8_t* out) {
    std::int64_t x = 0;
    if (format == PixelFormat::kGrey) {
        const __m128i first = _mm_setr_epi8(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5);
        const __m128i second = _mm_setr_epi8(5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10);
        const __m128i last = _mm_setr_epi8(10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15);
        for (; x + 16 <= width; x += 16) {
            const __m128i grey = load16(row + x);
            store16(out + 3 * x, _mm_shuffle_epi8(grey, first));
            store16(out + 3 * x + 16, _mm_shuffle_epi8(grey, second));
            store16(out + 3 * x + 32, _mm_shuffle_epi8(grey, last));
        }
    } else if (format != PixelFormat::kRgb) {
        const __m128i order = format == PixelFormat::kRgba
                                  ? _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1)
                                  : _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
        for (; x + 4 <= width; x += 4) store16(out + 3 * x, _mm_shuffle_epi8(load16(row + 4 * x), order));
    }
    to_rgb_plain(row, format, x, width, out);
}

namespace {

/// Returns the shuffle that takes one channel from a third (`part`) of the 48 bytes of 16 pixels; -1 for other thirds.
SACCADE_AVX2_INLINE __m256i third(int channel, int part) {
    alignas(16) std::int8_t index[16];
    for (int x = 0; x < 16; ++x) {
        const int at = 3 * x + channel - 16 * part;
        index[x] = static_cast<std::int8_t>(at < 0 || at > 15 ? -1 : at);
    }
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(index)));
}

SACCADE_AVX2_INLINE __m256i two_rows(const std::uint8_t* a, const std::uint8_t* b) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load16(a)), load16(b), 1);
}

/// Splits rows into patches of an even side from 8 to 16, two rows at a time, 16 pixels of each. Writes past a row's
/// end are overwritten by the next row; the last two rows are written exactly.
template <int Side>
SACCADE_AVX2 void patchify_rows_of(const std::uint8_t* const* rows, std::int64_t count, std::uint8_t* const* patches) {
    constexpr std::int64_t area = Side * Side;
    __m256i index[3][3];
    for (int c = 0; c < 3; ++c) {
        for (int part = 0; part < 3; ++part) index[c][part] = third(c, part);
    }
    for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t y = 0; y < Side; y += 2) {
            const std::uint8_t *a = rows[y] + 3 * Side * i, *b = rows[y + 1] + 3 * Side * i;
            const __m256i parts[3] = {two_rows(a, b), two_rows(a + 16, b + 16), two_rows(a + 32, b + 32)};
            for (int c = 0; c < 3; ++c) {
                const __m256i plane = _mm256_or_si256(_mm256_or_si256(_mm256_shuffle_epi8(parts[0], index[c][0]),
                                                                      _mm256_shuffle_epi8(parts[1], index[c][1])),
                                                      _mm256_shuffle_epi8(parts[2], index[c][2]));
                std::uint8_t* out = patches[i] + c * area + y * Side;
                if (Side == 16 || y + 2 < Side) {
                    store16(out, _mm256_castsi256_si128(plane));
                    store16(out + Side, _mm256_extracti128_si256(plane, 1));
                } else {
                    alignas(32) std::uint8_t last[32];
                    store(last, plane);
                    std::memcpy(out, last, Side);
                    std::memcpy(out + Side, last + 16, Side);
                }
            }
        }
    }
}

}  // namespace

void patchify_rows(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count,
                   std::uint8_t* const* patches) {
    if (patch_size == 14) return patchify_rows_of<14>(rows, count, patches);
    if (patch_size == 16) return patchify_rows_of<16>(rows, count, patches);
    patchify_rows_plain(rows, patch_size, count, patches);
}

namespace {

bool supported() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

}  // namespace
}  // namespace avx2

const Kernel kAvx2Kernel = {
    .name = "avx2",
    .supported = avx2::supported,
    .rows_in_group = 2,
    .rows_in_call = avx2::kRowsInCall,
    .bytes_per_column = 4,
    .weights = avx2::weights,
    .wide = {kAnyWeight, 2, avx2::horizontal_wide, avx2::pack<2>, avx2::vertical<avx2::WideSum>},
    .narrow = {32767, 1, avx2::horizontal_narrow, avx2::pack<1>, avx2::vertical<avx2::NarrowSum>},
    .interleave = avx2::interleave,
    .deinterleave = avx2::deinterleave,
    .to_rgb = avx2::to_rgb,
    .patchify_rows = avx2::patchify_rows,
    .normalize = normalize_avx2,
    .iota = iota_avx2,
};

}  // namespace saccade

#endif
