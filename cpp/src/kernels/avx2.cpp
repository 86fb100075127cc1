// AVX2: vpmaddwd on samples of 16 bits and weights in two halves of 11 bits. A group is two rows.
#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "../image.h"
#include "../workspace.h"
#include "avx2.h"
#include "kernel.h"
#include "normalize.h"
#include "weights_in_lanes.h"

#define SACCADE_AVX2 __attribute__((target("avx2")))
#define SACCADE_AVX2_INLINE SACCADE_AVX2 __attribute__((always_inline)) inline

namespace saccade {
namespace avx2 {
namespace {

constexpr int kRowsInCall = 8;

SACCADE_AVX2_INLINE __m256i load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
SACCADE_AVX2_INLINE void store(void* to, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(to), value); }
SACCADE_AVX2_INLINE __m128i load16(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
SACCADE_AVX2_INLINE void store16(void* to, __m128i value) { _mm_storeu_si128(static_cast<__m128i*>(to), value); }

/// Two sums of products, one for each half of the weights. Each product of vpmaddwd is below 2 x 255 x 2^12, so nothing
/// saturates; the sums and their recombination count modulo 2^32, and the result is within 32 bits.
struct Sum {
    __m256i high, low;
};
SACCADE_AVX2_INLINE Sum half() { return {_mm256_setzero_si256(), _mm256_set1_epi32(1 << (kWeightBits - 1))}; }
SACCADE_AVX2_INLINE void add(Sum& sum, __m256i samples, __m256i high, __m256i low) {
    sum.high = _mm256_add_epi32(sum.high, _mm256_madd_epi16(samples, high));
    sum.low = _mm256_add_epi32(sum.low, _mm256_madd_epi16(samples, low));
#if !defined(__clang__)
    // gcc would add the products up in another order, which needs more registers than there are.
    __asm__("" : "+x"(sum.high), "+x"(sum.low));
#endif
}
SACCADE_AVX2_INLINE __m256i whole(const Sum& sum) {
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(sum.high, kHalfBits), sum.low), kWeightBits);
}

/// The lower samples of the last pair beside the upper ones of the first: see kFolded.
SACCADE_AVX2_INLINE __m256i folded(__m256i first, __m256i last) { return _mm256_blend_epi16(last, first, 0xaa); }

// -- coefficients -----------------------------------------------------------------------------------------------------

void pack_two(const std::int32_t* weights, std::int32_t* words) {
    const WeightHalves a = halves(weights[0]), b = halves(weights[1]);
    const std::int16_t high[2] = {a.high, b.high}, low[2] = {a.low, b.low};
    std::memcpy(words, high, 4);
    std::memcpy(words + 1, low, 4);
}

}  // namespace

void pack(const std::int32_t* weights, std::int64_t count, std::int64_t skip, std::int64_t groups,
          std::int32_t* words) {
    const bool folded = groups > 2 && skip == 1 && count == 2 * (groups - 1);
    for (std::int64_t i = 0; i < groups; ++i, words += 2) {
        std::int32_t two[2];
        copy_weights<2>(weights, count, 2 * i - skip, two);
        if (folded && i == 0) two[0] = weights[count - 1];
        pack_two(two, words);
    }
    if (folded) words[-2] = kFolded;
}

SACCADE_AVX2 AxisWeights weights(std::int64_t input, std::int64_t output) { return weights_in_lanes(input, output); }

namespace {

// -- horizontal pass --------------------------------------------------------------------------------------------------

/// Eight rows are turned so that they lie in the lanes of a vector, a pair of neighbouring pixels in each lane:
///
///     turned[3 * pair + channel]   lane 0: row 0 (pixel 2 * pair, pixel 2 * pair + 1), lane 1: row 1, .. lane 7
///
/// Then the weights of an output pixel are broadcasts, and nothing has to be added across lanes.
class Horizontal final : public HorizontalPass {
  public:
    explicit Horizontal(const AxisWeights& axis) : weights_(axis, 448) {}  // 96 bytes a pair of pixels

    SACCADE_AVX2 void run(const std::uint8_t* const* rows, std::uint8_t* const* groups, std::int64_t) const override {
        thread_local AlignedBytes memory;
        auto* turned = reinterpret_cast<__m256i*>(memory.get(weights_.most_turned() * 32));
        std::int64_t x = 0;
        for (const Chunk& chunk : weights_.chunks()) {
            turn(rows, chunk.quad, chunk.end_quad, turned);
            const std::int64_t end = weights_.end(x);
            switch (chunk.pairs) {
                case 2:
                    pixels<2>(turned, chunk, x, end, groups);
                    break;
                case 3:
                    pixels<3>(turned, chunk, x, end, groups);
                    break;
                case 4:
                    pixels<4>(turned, chunk, x, end, groups);
                    break;
                case 6:
                    pixels<6>(turned, chunk, x, end, groups);
                    break;
                case 7:
                    pixels<7>(turned, chunk, x, end, groups);
                    break;
                case 8:
                    pixels<8>(turned, chunk, x, end, groups);
                    break;
                default:
                    pixels<0>(turned, chunk, x, end, groups);
            }
            x = end;
        }
    }

  private:
    using Chunk = PairWeights::Chunk;

    /// Turns quads of pixels [quad, end) of eight rows.
    SACCADE_AVX2 static void turn(const std::uint8_t* const* rows, std::int64_t quad, std::int64_t end,
                                  __m256i* turned) {
        // Four pixels RGBRGBRGBRGB.... to RRRRGGGGBBBB, in both halves: row i below, row i + 4 above.
        const __m256i planes =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
        // Bytes to 16 bits, the first and the second pair of each row's four pixels.
        const __m256i first_pair =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
        const __m256i second_pair =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15, -1));
        for (; quad < end; ++quad, turned += 6) {
            const std::int64_t at = 12 * quad;
            __m256i row[4];
            for (int i = 0; i < 4; ++i) {
                const __m256i both =
                    _mm256_inserti128_si256(_mm256_castsi128_si256(load16(rows[i] + at)), load16(rows[i + 4] + at), 1);
                row[i] = _mm256_shuffle_epi8(both, planes);
            }
            const __m256i rg01 = _mm256_unpacklo_epi32(row[0], row[1]), rg23 = _mm256_unpacklo_epi32(row[2], row[3]);
            const __m256i b01 = _mm256_unpackhi_epi32(row[0], row[1]), b23 = _mm256_unpackhi_epi32(row[2], row[3]);
            const __m256i red = _mm256_unpacklo_epi64(rg01, rg23), green = _mm256_unpackhi_epi64(rg01, rg23);
            const __m256i blue = _mm256_unpacklo_epi64(b01, b23);
            _mm256_store_si256(turned + 0, _mm256_shuffle_epi8(red, first_pair));
            _mm256_store_si256(turned + 1, _mm256_shuffle_epi8(green, first_pair));
            _mm256_store_si256(turned + 2, _mm256_shuffle_epi8(blue, first_pair));
            _mm256_store_si256(turned + 3, _mm256_shuffle_epi8(red, second_pair));
            _mm256_store_si256(turned + 4, _mm256_shuffle_epi8(green, second_pair));
            _mm256_store_si256(turned + 5, _mm256_shuffle_epi8(blue, second_pair));
        }
    }

    /// One output pixel of eight rows. Count 0: any number of pairs. Folded: the first is folded with one behind the
    /// last.
    template <int Count, bool Folded>
    SACCADE_AVX2_INLINE static void pixel(const __m256i* turned, const std::int32_t* words, int count, __m256i* out) {
        Sum sums[3] = {half(), half(), half()};
        const int pairs = Count != 0 ? Count : count;
        for (int i = 0; i < pairs; ++i) {
            const __m256i high = _mm256_set1_epi32(words[2 * i]), low = _mm256_set1_epi32(words[2 * i + 1]);
            for (int c = 0; c < kChannels; ++c) {
                __m256i samples = turned[3 * i + c];
                if (Folded && i == 0) samples = folded(samples, turned[3 * pairs + c]);
                add(sums[c], samples, high, low);
            }
        }
        for (int c = 0; c < kChannels; ++c) out[c] = whole(sums[c]);
    }

    template <int Count>
    SACCADE_AVX2_INLINE void pixels(const __m256i* turned, const Chunk& chunk, std::int64_t x, std::int64_t end,
                                    std::uint8_t* const* groups) const {
        constexpr int fewer = Count > 2 ? Count - 1 : 0;
        const std::int32_t* words = weights_.words(chunk);
        const int last = 2 * chunk.pairs - 2;
        __m256i column[12] = {};
        for (; x < end; x += 4) {
            for (std::int64_t j = 0; j < std::min<std::int64_t>(4, end - x); ++j, words += last + 2) {
                const __m256i* samples = turned + 3 * weights_.first(x + j);
                if (words[last] == kFolded) {
                    pixel<fewer, true>(samples, words, chunk.pairs - 1, column + 3 * j);
                } else if (Count > 2 && (words[last] | words[last + 1]) == 0) {
                    pixel<fewer, false>(samples, words, chunk.pairs - 1, column + 3 * j);
                } else {
                    pixel<Count, false>(samples, words, chunk.pairs, column + 3 * j);
                }
            }
            store_columns(column, x, groups);
        }
    }

    /// Twelve columns, of four output pixels, into four groups.
    SACCADE_AVX2_INLINE static void store_columns(const __m256i* column, std::int64_t x, std::uint8_t* const* groups) {
        // Lanes are rows. Packed to 16 bits, a pair of rows is 32 bits wide:
        //     a = column 0 rows 01, 23, column 1 rows 01, 23 | the same of rows 45, 67;   b likewise of columns 2, 3
        // and the even and odd 32 bits of a and b are four columns of groups 0, 2 and of groups 1, 3.
        const __m256i most = _mm256_set1_epi16(255);
        for (int k = 0; k < 3; ++k) {
            const __m256i* c = column + 4 * k;
            const __m256 a = _mm256_castsi256_ps(_mm256_min_epu16(_mm256_packus_epi32(c[0], c[1]), most));
            const __m256 b = _mm256_castsi256_ps(_mm256_min_epu16(_mm256_packus_epi32(c[2], c[3]), most));
            const __m256i even = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
            const __m256i odd = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
            const std::int64_t at = 12 * x + 16 * k;
            store16(groups[0] + at, _mm256_castsi256_si128(even));
            store16(groups[1] + at, _mm256_castsi256_si128(odd));
            store16(groups[2] + at, _mm256_extracti128_si256(even, 1));
            store16(groups[3] + at, _mm256_extracti128_si256(odd, 1));
        }
    }

    PairWeights weights_;
};

std::unique_ptr<HorizontalPass> horizontal(const AxisWeights& axis) { return std::make_unique<Horizontal>(axis); }

// -- vertical pass ----------------------------------------------------------------------------------------------------

/// 32 columns of one row. Count 0: any number of groups. Folded: the first is folded with one behind the last.
template <int Count, bool Folded>
SACCADE_AVX2_INLINE void columns32(const std::int32_t* words, const std::uint8_t* const* groups, int count,
                                   std::int64_t x, std::uint8_t* out) {
    Sum sums[4] = {half(), half(), half(), half()};
    const int pairs = Count != 0 ? Count : count;
    for (int i = 0; i < pairs; ++i) {
        const __m256i high = _mm256_set1_epi32(words[2 * i]), low = _mm256_set1_epi32(words[2 * i + 1]);
        for (int j = 0; j < 4; ++j) {
            __m256i samples = load(groups[i] + 4 * x + 32 * j);
            if (Folded && i == 0) samples = folded(samples, load(groups[pairs] + 4 * x + 32 * j));
            add(sums[j], samples, high, low);
        }
    }
    // Packing works on halves of vectors; the permutation brings the columns back into order.
    const __m256i packed = _mm256_packus_epi16(_mm256_packs_epi32(whole(sums[0]), whole(sums[1])),
                                               _mm256_packs_epi32(whole(sums[2]), whole(sums[3])));
    store(out, _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
}

template <int Count, bool Folded = false>
SACCADE_AVX2 void vertical_of(const std::int32_t* words, const std::uint8_t* const* groups, int count,
                              std::int64_t samples, std::uint8_t* out) {
    std::int64_t x = 0;
    for (; x + 32 <= samples; x += 32) columns32<Count, Folded>(words, groups, count, x, out + x);
    if (x < samples) {
        std::uint8_t tail[32];
        columns32<Count, Folded>(words, groups, count, x, tail);
        std::memcpy(out + x, tail, static_cast<std::size_t>(samples - x));
    }
}

void vertical(const std::int32_t* words, const std::uint8_t* const* groups, std::int64_t count, std::int64_t samples,
              std::uint8_t* out) {
    if (words[2 * (count - 1)] == kFolded) {
        switch (count - 1) {
            case 2:
                return vertical_of<2, true>(words, groups, 2, samples, out);
            case 3:
                return vertical_of<3, true>(words, groups, 3, samples, out);
            case 6:
                return vertical_of<6, true>(words, groups, 6, samples, out);
            default:
                return vertical_of<0, true>(words, groups, static_cast<int>(count - 1), samples, out);
        }
    }
    switch (count) {
        case 2:
            return vertical_of<2>(words, groups, 2, samples, out);
        case 3:
            return vertical_of<3>(words, groups, 3, samples, out);
        case 4:
            return vertical_of<4>(words, groups, 4, samples, out);
        case 6:
            return vertical_of<6>(words, groups, 6, samples, out);
        case 7:
            return vertical_of<7>(words, groups, 7, samples, out);
        default:
            return vertical_of<0>(words, groups, static_cast<int>(count), samples, out);
    }
}

// -- rows, groups, patches --------------------------------------------------------------------------------------------

}  // namespace

SACCADE_AVX2 void join(const std::uint8_t* const* rows, std::int64_t samples, std::uint8_t* group) {
    for (std::int64_t x = 0; x < samples; x += 16) {
        const __m128i a = load16(rows[0] + x), b = load16(rows[1] + x);
        store(group + 4 * x, _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)));
        store(group + 4 * x + 32, _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b)));
    }
}

namespace {

/// 32 columns of a group, those of its row 0 and of its row 1.
SACCADE_AVX2_INLINE void split32(const std::uint8_t* group, std::uint8_t* even, std::uint8_t* odd) {
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

SACCADE_AVX2 void split(const std::uint8_t* group, std::int64_t samples, std::uint8_t* const* rows) {
    std::int64_t x = 0;
    for (; x + 32 <= samples; x += 32) split32(group + 4 * x, rows[0] + x, rows[1] + x);
    if (x < samples) {
        std::uint8_t even[32], odd[32];
        split32(group + 4 * x, even, odd);
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

/// Where the bytes of one channel lie among the 48 of 16 pixels, for each third of them; -1: in another third.
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

/// Patches of an even side from 8 to 16: two rows at a time, 16 pixels of each. What is written past a row's end is
/// overwritten by the next row; the last two rows are written exactly.
template <int Side>
SACCADE_AVX2 void cut_of(const std::uint8_t* const* rows, std::int64_t count, std::uint8_t* const* patches) {
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

void cut(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count, std::uint8_t* const* patches) {
    if (patch_size == 14) return cut_of<14>(rows, count, patches);
    if (patch_size == 16) return cut_of<16>(rows, count, patches);
    cut_plain(rows, patch_size, count, patches);
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
    .bytes_a_column = 4,
    .words_a_group = 2,
    .weights = avx2::weights,
    .horizontal = avx2::horizontal,
    .pack = avx2::pack,
    .vertical = avx2::vertical,
    .join = avx2::join,
    .split = avx2::split,
    .to_rgb = avx2::to_rgb,
    .cut = avx2::cut,
    .normalize = normalize_avx2,
    .ramps = ramps_avx2,
};

}  // namespace saccade

#endif
