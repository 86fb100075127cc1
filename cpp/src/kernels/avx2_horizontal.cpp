// The horizontal pass of the AVX2 kernel, on rows that are transposed into the lanes of vectors.
#if defined(__x86_64__)

#include <algorithm>

#include "../image.h"
#include "../workspace.h"
#include "avx2_arith.h"

namespace saccade::avx2 {
namespace {

/// A pass over eight rows, transposed into the lanes of vectors, with a pair of neighboring pixels in each lane:
///
///     transposed[3 * pair + channel]   lane 0: row 0 (pixel 2 * pair, pixel 2 * pair + 1), lane 1: row 1, .. lane 7
///
/// The weights of an output pixel are then broadcasts, and no sum crosses lanes.
template <typename Sum>
class Horizontal final : public HorizontalPass {
  public:
    explicit Horizontal(const AxisWeights& axis)
        : weights_(axis, 448),  // 96 bytes per pair of pixels
          bits_(axis.bits) {}

    SACCADE_AVX2 void run(const std::uint8_t* const* rows, std::uint8_t* const* groups, std::int64_t) const override {
        thread_local AlignedBytes memory;
        auto* transposed = reinterpret_cast<__m256i*>(memory.get(weights_.max_transposed() * 32));
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
                case 6:
                    pixels<6>(transposed, chunk, x, end, groups);
                    break;
                case 7:
                    pixels<7>(transposed, chunk, x, end, groups);
                    break;
                case 8:
                    pixels<8>(transposed, chunk, x, end, groups);
                    break;
                default:
                    pixels<0>(transposed, chunk, x, end, groups);
            }
            x = end;
        }
    }

  private:
    using Chunk = typename PairWeights<Sum::kParts>::Chunk;

    /// Transposes quads of pixels [quad, end) of eight rows.
    SACCADE_AVX2 static void transpose(const std::uint8_t* const* rows, std::int64_t quad, std::int64_t end,
                                       __m256i* transposed) {
        // Four pixels RGBRGBRGBRGB.... to RRRRGGGGBBBB, in both halves: row i below, row i + 4 above.
        const __m256i planes =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
        // Bytes to 16 bits, the first and the second pair of each row's four pixels.
        const __m256i first_pair =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
        const __m256i second_pair =
            _mm256_broadcastsi128_si256(_mm_setr_epi8(2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15, -1));
        for (; quad < end; ++quad, transposed += 6) {
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
            _mm256_store_si256(transposed + 0, _mm256_shuffle_epi8(red, first_pair));
            _mm256_store_si256(transposed + 1, _mm256_shuffle_epi8(green, first_pair));
            _mm256_store_si256(transposed + 2, _mm256_shuffle_epi8(blue, first_pair));
            _mm256_store_si256(transposed + 3, _mm256_shuffle_epi8(red, second_pair));
            _mm256_store_si256(transposed + 4, _mm256_shuffle_epi8(green, second_pair));
            _mm256_store_si256(transposed + 5, _mm256_shuffle_epi8(blue, second_pair));
        }
    }

    /// Computes one output pixel of eight rows. Count 0: any number of pairs. Folded: the first pair is folded with the
    /// last.
    template <int Count, bool Folded>
    SACCADE_AVX2_INLINE static void pixel(const __m256i* transposed, const std::int32_t* packed_weights, int count,
                                          int bits, __m256i* out) {
        Sum sums[3] = {Sum::half(bits), Sum::half(bits), Sum::half(bits)};
        const int pairs = Count != 0 ? Count : count;
        for (int i = 0; i < pairs; ++i) {
            const auto weights = Sum::weights(packed_weights + Sum::kParts * i);
            for (int c = 0; c < kChannels; ++c) {
                __m256i samples = transposed[3 * i + c];
                if (Folded && i == 0) samples = folded(samples, transposed[3 * pairs + c]);
                sums[c].add(samples, weights);
            }
        }
        for (int c = 0; c < kChannels; ++c) out[c] = sums[c].whole(bits);
    }

    template <int Count>
    SACCADE_AVX2_INLINE void pixels(const __m256i* transposed, const Chunk& chunk, std::int64_t x, std::int64_t end,
                                    std::uint8_t* const* groups) const {
        constexpr int fewer = Count > 2 ? Count - 1 : 0;
        const std::int32_t* packed_weights = weights_.packed(chunk);
        const int last = Sum::kParts * (chunk.pairs - 1);
        __m256i column[12] = {};
        for (; x < end; x += 4) {
            for (std::int64_t j = 0; j < std::min<std::int64_t>(4, end - x);
                 ++j, packed_weights += last + Sum::kParts) {
                const __m256i* samples = transposed + 3 * weights_.first(x + j);
                if (packed_weights[last] == kFolded) {
                    pixel<fewer, true>(samples, packed_weights, chunk.pairs - 1, bits_, column + 3 * j);
                } else if (Count > 2 && (packed_weights[last] | packed_weights[last + Sum::kParts - 1]) == 0) {
                    pixel<fewer, false>(samples, packed_weights, chunk.pairs - 1, bits_, column + 3 * j);
                } else {
                    pixel<Count, false>(samples, packed_weights, chunk.pairs, bits_, column + 3 * j);
                }
            }
            store_columns(column, x, groups);
        }
    }

    /// Stores twelve columns, of four output pixels, into four groups.
    SACCADE_AVX2_INLINE static void store_columns(const __m256i* column, std::int64_t x, std::uint8_t* const* groups) {
        // Lanes are rows. Packed to 16 bits, a pair of rows is 32 bits wide:
        //     a = column 0 rows 01, 23, column 1 rows 01, 23 | the same for rows 45, 67;   b: columns 2, 3
        // The even and odd 32 bits of a and b are four columns of groups 0, 2 and of groups 1, 3.
        const __m256i max_byte = _mm256_set1_epi16(255);
        for (int k = 0; k < 3; ++k) {
            const __m256i* c = column + 4 * k;
            const __m256 a = _mm256_castsi256_ps(_mm256_min_epu16(_mm256_packus_epi32(c[0], c[1]), max_byte));
            const __m256 b = _mm256_castsi256_ps(_mm256_min_epu16(_mm256_packus_epi32(c[2], c[3]), max_byte));
            const __m256i even = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
            const __m256i odd = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
            const std::int64_t at = 12 * x + 16 * k;
            store16(groups[0] + at, _mm256_castsi256_si128(even));
            store16(groups[1] + at, _mm256_castsi256_si128(odd));
            store16(groups[2] + at, _mm256_extracti128_si256(even, 1));
            store16(groups[3] + at, _mm256_extracti128_si256(odd, 1));
        }
    }

    PairWeights<Sum::kParts> weights_;
    int bits_;  // fraction bits of a weight
};

}  // namespace

std::unique_ptr<HorizontalPass> horizontal_wide(const AxisWeights& axis) {
    return std::make_unique<Horizontal<WideSum>>(axis);
}
std::unique_ptr<HorizontalPass> horizontal_narrow(const AxisWeights& axis) {
    return std::make_unique<Horizontal<NarrowSum>>(axis);
}

}  // namespace saccade::avx2

#endif
