// The kernel for AVX-512 without VNNI or VBMI (Skylake-X, Cascade Lake): the AVX2 kernel with twice the width.
#if defined(__x86_64__)

#include <algorithm>
#include <cstring>

#include "../image.h"
#include "../workspace.h"
#include "avx2.h"
#include "intrinsics.h"
#include "kernel.h"
#include "normalize.h"

#define SACCADE_BW __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#define SACCADE_BW_INLINE SACCADE_BW __attribute__((always_inline)) inline

namespace saccade {
namespace avx512_bw {
namespace {

constexpr int kRowsInCall = 16;
constexpr std::int64_t kVector = 64;  // bytes

SACCADE_BW_INLINE __m512i load(const void* from) { return _mm512_loadu_si512(from); }
SACCADE_BW_INLINE void store(void* to, __m512i value) { _mm512_storeu_si512(to, value); }
SACCADE_BW_INLINE __m128i load16(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
SACCADE_BW_INLINE void store16(void* to, __m128i value) { _mm_storeu_si128(static_cast<__m128i*>(to), value); }

/// Two sums of products, one per half of the weights: see avx2_arith.h.
struct WideSum {
    static constexpr int kParts = 2;
    struct Weights {
        __m512i high, low;
    };
    __m512i high, low;

    SACCADE_BW_INLINE static Weights weights(const std::int32_t* packed) {
        return {_mm512_set1_epi32(packed[0]), _mm512_set1_epi32(packed[1])};
    }
    SACCADE_BW_INLINE static WideSum half(int) {
        return {_mm512_setzero_si512(), _mm512_set1_epi32(1 << (kWeightBits - 1))};
    }
    SACCADE_BW_INLINE void add(__m512i samples, Weights weights) {
        high = _mm512_add_epi32(high, _mm512_madd_epi16(samples, weights.high));
        low = _mm512_add_epi32(low, _mm512_madd_epi16(samples, weights.low));
#if !defined(__clang__)
        __asm__("" : "+v"(high), "+v"(low));  // keeps gcc from reordering the additions
#endif
    }
    SACCADE_BW_INLINE __m512i whole(int) const {
        return _mm512_srai_epi32(_mm512_add_epi32(_mm512_slli_epi32(high, avx2::kHalfBits), low), kWeightBits);
    }
};

/// One sum of products, of 16-bit weights: see avx2_arith.h.
struct NarrowSum {
    static constexpr int kParts = 1;
    using Weights = __m512i;
    __m512i sum;

    SACCADE_BW_INLINE static Weights weights(const std::int32_t* packed) { return _mm512_set1_epi32(packed[0]); }
    SACCADE_BW_INLINE static NarrowSum half(int bits) { return {_mm512_set1_epi32(1 << (bits - 1))}; }
    SACCADE_BW_INLINE void add(__m512i samples, Weights weights) {
        sum = _mm512_add_epi32(sum, _mm512_madd_epi16(samples, weights));
#if !defined(__clang__)
        __asm__("" : "+v"(sum));
#endif
    }
    SACCADE_BW_INLINE __m512i whole(int bits) const { return _mm512_sra_epi32(sum, _mm_cvtsi32_si128(bits)); }
};

/// Returns the lower samples of the last pair and the upper samples of the first: see avx2::kFolded.
SACCADE_BW_INLINE __m512i folded(__m512i first, __m512i last) {
    return _mm512_mask_blend_epi16(0xaaaaaaaa, last, first);
}

// -- horizontal pass --------------------------------------------------------------------------------------------------

/// A pass over sixteen rows, transposed into the lanes of vectors, with a pair of neighboring pixels in each lane.
template <typename Sum>
class Horizontal final : public HorizontalPass {
  public:
    explicit Horizontal(const AxisWeights& axis)
        : weights_(axis, 224),  // 192 bytes per pair of pixels
          bits_(axis.bits) {}

    SACCADE_BW void run(const std::uint8_t* const* rows, std::uint8_t* const* groups, std::int64_t) const override {
        thread_local AlignedBytes memory;
        auto* transposed = reinterpret_cast<__m512i*>(memory.get(weights_.max_transposed() * kVector));
        std::int64_t x = 0;
        Chunk before{};
        for (const Chunk& chunk : weights_.chunks()) {
            const std::int64_t shared = weights_.keep_shared(transposed, before, chunk);
            transpose(rows, chunk.quad + shared, chunk.end_quad, transposed + 6 * shared);
            before = chunk;
            const std::int64_t end = weights_.end(x);
            switch (chunk.pairs) {
                case 2:
                    pixels<2>(transposed, chunk, x, end, groups);
                    break;
                case 3:
                    pixels<3>(transposed, chunk, x, end, groups);
                    break;
                case 4:
                    pixels<4>(transposed, chunk, x, end, groups);
                    break;
                case 7:
                    pixels<7>(transposed, chunk, x, end, groups);
                    break;
                default:
                    pixels<0>(transposed, chunk, x, end, groups);
            }
            x = end;
        }
    }

  private:
    using Chunk = typename avx2::PairWeights<Sum::kParts>::Chunk;

    /// Loads sixteen bytes of rows i, i + 4, i + 8 and i + 12, one quarter each.
    SACCADE_BW_INLINE static __m512i four_rows(const std::uint8_t* const* rows, int i, std::int64_t at) {
        __m512i four = _mm512_castsi128_si512(load16(rows[i] + at));
        four = _mm512_mask_broadcast_i32x4(four, 0x00f0, load16(rows[i + 4] + at));
        four = _mm512_mask_broadcast_i32x4(four, 0x0f00, load16(rows[i + 8] + at));
        return _mm512_mask_broadcast_i32x4(four, 0xf000, load16(rows[i + 12] + at));
    }

    /// Transposes quads of pixels [quad, end) of sixteen rows.
    SACCADE_BW static void transpose(const std::uint8_t* const* rows, std::int64_t quad, std::int64_t end,
                                     __m512i* transposed) {
        // Four pixels RGBRGBRGBRGB.... to RRRRGGGGBBBB, in each quarter.
        const __m512i planes =
            _mm512_broadcast_i32x4(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
        // Bytes to 16 bits, the first and the second pair of each row's four pixels.
        const __m512i first_pair =
            _mm512_broadcast_i32x4(_mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
        const __m512i second_pair =
            _mm512_broadcast_i32x4(_mm_setr_epi8(2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15, -1));
        for (; quad < end; ++quad, transposed += 6) {
            __m512i row[4];
            for (int i = 0; i < 4; ++i) row[i] = _mm512_shuffle_epi8(four_rows(rows, i, 12 * quad), planes);
            const __m512i rg01 = _mm512_unpacklo_epi32(row[0], row[1]), rg23 = _mm512_unpacklo_epi32(row[2], row[3]);
            const __m512i b01 = _mm512_unpackhi_epi32(row[0], row[1]), b23 = _mm512_unpackhi_epi32(row[2], row[3]);
            const __m512i red = _mm512_unpacklo_epi64(rg01, rg23), green = _mm512_unpackhi_epi64(rg01, rg23);
            const __m512i blue = _mm512_unpacklo_epi64(b01, b23);
            _mm512_store_si512(transposed + 0, _mm512_shuffle_epi8(red, first_pair));
            _mm512_store_si512(transposed + 1, _mm512_shuffle_epi8(green, first_pair));
            _mm512_store_si512(transposed + 2, _mm512_shuffle_epi8(blue, first_pair));
            _mm512_store_si512(transposed + 3, _mm512_shuffle_epi8(red, second_pair));
            _mm512_store_si512(transposed + 4, _mm512_shuffle_epi8(green, second_pair));
            _mm512_store_si512(transposed + 5, _mm512_shuffle_epi8(blue, second_pair));
        }
    }

    /// Computes one output pixel of sixteen rows. Count 0: any number of pairs. Folded: the first pair is folded with
    /// the last.
    template <int Count, bool Folded>
    SACCADE_BW_INLINE static void pixel(const __m512i* transposed, const std::int32_t* packed_weights, int count,
                                        int bits, __m512i* out) {
        Sum sums[3] = {Sum::half(bits), Sum::half(bits), Sum::half(bits)};
        const int pairs = Count != 0 ? Count : count;
        for (int i = 0; i < pairs; ++i) {
            const auto weights = Sum::weights(packed_weights + Sum::kParts * i);
            for (int c = 0; c < kChannels; ++c) {
                __m512i samples = transposed[3 * i + c];
                if (Folded && i == 0) samples = folded(samples, transposed[3 * pairs + c]);
                sums[c].add(samples, weights);
            }
        }
        for (int c = 0; c < kChannels; ++c) out[c] = sums[c].whole(bits);
    }

    template <int Count>
    SACCADE_BW_INLINE void pixels(const __m512i* transposed, const Chunk& chunk, std::int64_t x, std::int64_t end,
                                  std::uint8_t* const* groups) const {
        constexpr int fewer = Count > 2 ? Count - 1 : 0;
        const std::int32_t* packed_weights = weights_.packed(chunk);
        const int last = Sum::kParts * (chunk.pairs - 1);
        __m512i column[12] = {};
        for (; x < end; x += 4) {
            for (std::int64_t j = 0; j < std::min<std::int64_t>(4, end - x);
                 ++j, packed_weights += last + Sum::kParts) {
                const __m512i* samples = transposed + 3 * weights_.first(x + j);
                if (packed_weights[last] == avx2::kFolded) {
                    pixel<fewer, true>(samples, packed_weights, chunk.pairs - 1, bits_, column + 3 * j);
                } else {
                    pixel<Count, false>(samples, packed_weights, chunk.pairs, bits_, column + 3 * j);
                }
            }
            store_columns(column, x, groups);
        }
    }

    /// Stores twelve columns, of four output pixels, into eight groups. Quarter q of `even` is four columns of rows 4 q
    /// and 4 q + 1, group 2 q; quarter q of `odd` is the group after it.
    SACCADE_BW_INLINE static void store_columns(const __m512i* column, std::int64_t x, std::uint8_t* const* groups) {
        const __m512i max_byte = _mm512_set1_epi16(255);
        for (int k = 0; k < 3; ++k) {
            const __m512i* c = column + 4 * k;
            const __m512 a = _mm512_castsi512_ps(_mm512_min_epu16(_mm512_packus_epi32(c[0], c[1]), max_byte));
            const __m512 b = _mm512_castsi512_ps(_mm512_min_epu16(_mm512_packus_epi32(c[2], c[3]), max_byte));
            const __m512i even = _mm512_castps_si512(_mm512_shuffle_ps(a, b, 0x88));
            const __m512i odd = _mm512_castps_si512(_mm512_shuffle_ps(a, b, 0xdd));
            const std::int64_t at = 12 * x + 16 * k;
            store16(groups[0] + at, _mm512_castsi512_si128(even));
            store16(groups[1] + at, _mm512_castsi512_si128(odd));
            store16(groups[2] + at, _mm512_extracti32x4_epi32(even, 1));
            store16(groups[3] + at, _mm512_extracti32x4_epi32(odd, 1));
            store16(groups[4] + at, _mm512_extracti32x4_epi32(even, 2));
            store16(groups[5] + at, _mm512_extracti32x4_epi32(odd, 2));
            store16(groups[6] + at, _mm512_extracti32x4_epi32(even, 3));
            store16(groups[7] + at, _mm512_extracti32x4_epi32(odd, 3));
        }
    }

    avx2::PairWeights<Sum::kParts> weights_;
    int bits_;  // fraction bits of a weight
};

template <typename Sum>
std::unique_ptr<HorizontalPass> horizontal(const AxisWeights& axis) {
    return std::make_unique<Horizontal<Sum>>(axis);
}

// -- vertical pass ----------------------------------------------------------------------------------------------------

/// Computes 64 columns of one row. Count 0: any number of groups. Folded: the first group is folded with the last.
template <typename Sum, int Count, bool Folded>
SACCADE_BW_INLINE void columns64(const std::int32_t* packed_weights, const std::uint8_t* const* groups, int count,
                                 std::int64_t x, int bits, std::uint8_t* out) {
    // Packing works on quarters of vectors; the permutation restores the order of columns.
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    Sum sums[4] = {Sum::half(bits), Sum::half(bits), Sum::half(bits), Sum::half(bits)};
    const int pairs = Count != 0 ? Count : count;
    for (int i = 0; i < pairs; ++i) {
        const auto weights = Sum::weights(packed_weights + Sum::kParts * i);
        for (int j = 0; j < 4; ++j) {
            __m512i samples = load(groups[i] + 4 * x + kVector * j);
            if (Folded && i == 0) samples = folded(samples, load(groups[pairs] + 4 * x + kVector * j));
            sums[j].add(samples, weights);
        }
    }
    const __m512i packed = _mm512_packus_epi16(_mm512_packs_epi32(sums[0].whole(bits), sums[1].whole(bits)),
                                               _mm512_packs_epi32(sums[2].whole(bits), sums[3].whole(bits)));
    store(out, _mm512_permutexvar_epi32(order, packed));
}

template <typename Sum, int Count, bool Folded = false>
SACCADE_BW void vertical_of(const std::int32_t* packed_weights, const std::uint8_t* const* groups, int count,
                            std::int64_t samples, int bits, std::uint8_t* out) {
    std::int64_t x = 0;
    for (; x + kVector <= samples; x += kVector)
        columns64<Sum, Count, Folded>(packed_weights, groups, count, x, bits, out + x);
    if (x < samples) {
        std::uint8_t tail[kVector];
        columns64<Sum, Count, Folded>(packed_weights, groups, count, x, bits, tail);
        std::memcpy(out + x, tail, static_cast<std::size_t>(samples - x));
    }
}

template <typename Sum>
void vertical(const std::int32_t* packed_weights, const std::uint8_t* const* groups, std::int64_t count,
              std::int64_t samples, int bits, std::uint8_t* out) {
    if (packed_weights[Sum::kParts * (count - 1)] == avx2::kFolded) {
        switch (count - 1) {
            case 2:
                return vertical_of<Sum, 2, true>(packed_weights, groups, 2, samples, bits, out);
            case 3:
                return vertical_of<Sum, 3, true>(packed_weights, groups, 3, samples, bits, out);
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
        case 7:
            return vertical_of<Sum, 7>(packed_weights, groups, 7, samples, bits, out);
        default:
            return vertical_of<Sum, 0>(packed_weights, groups, static_cast<int>(count), samples, bits, out);
    }
}

bool supported() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

}  // namespace
}  // namespace avx512_bw

const Kernel kAvx512BwKernel = {
    .name = "avx512-bw",
    .supported = avx512_bw::supported,
    .rows_in_group = 2,
    .rows_in_call = avx512_bw::kRowsInCall,
    .bytes_per_column = 4,
    .weights = avx2::weights,
    .wide = {kAnyWeight, 2, avx512_bw::horizontal<avx512_bw::WideSum>, avx2::pack<2>,
             avx512_bw::vertical<avx512_bw::WideSum>},
    .narrow = {32767, 1, avx512_bw::horizontal<avx512_bw::NarrowSum>, avx2::pack<1>,
               avx512_bw::vertical<avx512_bw::NarrowSum>},
    .interleave = avx2::interleave,
    .deinterleave = avx2::deinterleave,
    .to_rgb = avx2::to_rgb,
    .patchify_rows = avx2::patchify_rows,
    .normalize = normalize_avx512,
    .iota = iota_avx512,
};

}  // namespace saccade

#endif
