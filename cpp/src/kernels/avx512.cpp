// AVX-512 with VBMI and VNNI: vpdpbusd on samples of 8 bits and weights in three signed bytes. A group is four rows.
#if defined(__x86_64__)

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // false, in gcc 12's own headers: its bug 105593
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "../image.h"
#include "../workspace.h"
#include "kernel.h"

#define SACCADE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni")))
#define SACCADE_AVX512_INLINE SACCADE_AVX512 __attribute__((always_inline)) inline

namespace saccade {
namespace {

constexpr int kRowsInGroup = 4;
constexpr int kRowsInCall = 8;
constexpr std::int64_t kVector = 64;  // bytes
constexpr std::int64_t kLanes = 16;   // of 32 bits: columns of a block
constexpr std::int64_t kPixels = 16;  // whose weights are stored together: 48 columns, three blocks
constexpr std::int64_t kTaps = 4;     // that vpdpbusd adds up

SACCADE_AVX512_INLINE __m512i load(const void* from) { return _mm512_loadu_si512(from); }
SACCADE_AVX512_INLINE void store(void* to, __m512i value) { _mm512_storeu_si512(to, value); }
SACCADE_AVX512_INLINE __m128i load16(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
SACCADE_AVX512_INLINE void store16(void* to, __m128i value) { _mm_storeu_si128(static_cast<__m128i*>(to), value); }
SACCADE_AVX512_INLINE __m512i broadcast(std::int32_t word) { return _mm512_set1_epi32(word); }

/// Three sums, one for each digit of the weights. Sums and their recombination count modulo 2^32, for which vpdpbusd,
/// unlike vpdpbusds, is made; the result is within 32 bits. The half that rounds is 32 in the high digit.
struct Sum {
    __m512i high, middle, low;
};
SACCADE_AVX512_INLINE Sum half() {
    return {broadcast(1 << (kWeightBits - 17)), _mm512_setzero_si512(), _mm512_setzero_si512()};
}

/// The digits of four weights for each lane.
struct Weights {
    __m512i high, middle, low;
};
SACCADE_AVX512_INLINE void add(Sum& sum, __m512i samples, const Weights& weights) {
    sum.high = _mm512_dpbusd_epi32(sum.high, samples, weights.high);
    sum.middle = _mm512_dpbusd_epi32(sum.middle, samples, weights.middle);
    sum.low = _mm512_dpbusd_epi32(sum.low, samples, weights.low);
#if !defined(__clang__)
    __asm__("" : "+v"(sum.high), "+v"(sum.middle), "+v"(sum.low));  // else gcc 12 copies each sum to memory as well
#endif
}

/// Weights stored for 16 pixels, each given to the lanes that are columns of its pixel.
SACCADE_AVX512_INLINE Weights expanded(const std::uint8_t* stored, __m512i pixel) {
    return {_mm512_permutexvar_epi32(pixel, load(stored)), _mm512_permutexvar_epi32(pixel, load(stored + kVector)),
            _mm512_permutexvar_epi32(pixel, load(stored + 2 * kVector))};
}
SACCADE_AVX512_INLINE __m512i whole(const Sum& sum) {
    const __m512i upper = _mm512_add_epi32(_mm512_slli_epi32(sum.high, 16), _mm512_slli_epi32(sum.middle, 8));
    return _mm512_srai_epi32(_mm512_add_epi32(upper, sum.low), kWeightBits);
}

/// The sums of four rows, or of four vectors of columns.
struct FourSums {
    Sum a, b, c, d;
};
SACCADE_AVX512_INLINE FourSums four_halves() { return {half(), half(), half(), half()}; }
SACCADE_AVX512_INLINE __m512i packed(__m512i a, __m512i b, __m512i c, __m512i d) {
    return _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
}
SACCADE_AVX512_INLINE __m512i packed(const FourSums& sums) {
    return packed(whole(sums.a), whole(sums.b), whole(sums.c), whole(sums.d));
}

/// Packing sixteen columns of four rows leaves in each quarter of the vector four bytes of each row,
/// aaaabbbbccccdddd; this makes abcdabcdabcdabcd of them, sixteen columns of a group.
SACCADE_AVX512_INLINE __m512i interleaved(__m512i packed_rows) {
    return _mm512_shuffle_epi8(packed_rows, _mm512_set4_epi32(0x0f0b0703, 0x0e0a0602, 0x0d090501, 0x0c080400));
}

// -- coefficients -----------------------------------------------------------------------------------------------------

void pack(const std::int32_t* weights, std::int32_t* words) {
    std::int8_t bytes[3][kTaps];
    for (int k = 0; k < kTaps; ++k) {
        const WeightDigits digit = digits(weights[k]);
        bytes[0][k] = digit.high, bytes[1][k] = digit.middle, bytes[2][k] = digit.low;
    }
    std::memcpy(words, bytes, sizeof bytes);
}

/// Weights of 16 output pixels at a time, four taps of each in a vector, one vector for each digit:
///
///     of(run)[3 * term + digit]   pixel 0 taps 4 * term .. + 3, pixel 1 .., .. pixel 15
///
/// Taps count from each pixel's own first sample. A third as large as if repeated for the three channels.
class PixelWeights {
  public:
    explicit PixelWeights(const AxisWeights& axis) {
        const auto width = std::ssize(axis.spans);
        std::int64_t vectors = 0;
        for (std::int64_t x = 0; x < width; x += kPixels) {
            std::int64_t terms = 1;
            for (std::int64_t i = x; i < std::min(width, x + kPixels); ++i) {
                terms = std::max(terms, (axis.spans[static_cast<std::size_t>(i)].count + kTaps - 1) / kTaps);
            }
            runs_.push_back({static_cast<int>(terms), vectors});
            vectors += 3 * terms;
        }
        auto* bytes = reinterpret_cast<std::int8_t*>(data_.get(vectors * kVector));
        std::memset(bytes, 0, static_cast<std::size_t>(vectors * kVector));
        for (std::int64_t x = 0; x < width; ++x) {
            const auto& span = axis.spans[static_cast<std::size_t>(x)];
            const Run& run = runs_[static_cast<std::size_t>(x / kPixels)];
            std::int8_t* first = bytes + run.offset * kVector + x % kPixels * kTaps;
            for (std::int64_t k = 0; k < span.count; ++k) {
                const WeightDigits digit = digits(axis.weights[static_cast<std::size_t>(span.offset + k)]);
                std::int8_t* at = first + k / kTaps * 3 * kVector + k % kTaps;
                at[0] = digit.high, at[kVector] = digit.middle, at[2 * kVector] = digit.low;
            }
        }
    }
    std::int64_t runs() const { return std::ssize(runs_); }
    int terms(std::int64_t run) const { return runs_[static_cast<std::size_t>(run)].terms; }
    const std::uint8_t* of(std::int64_t run) const {
        return data_.data() + runs_[static_cast<std::size_t>(run)].offset * kVector;
    }

  private:
    struct Run {
        int terms;
        std::int64_t offset;  // in vectors
    };
    std::vector<Run> runs_;
    AlignedBytes data_;
};

// -- horizontal pass, dense -------------------------------------------------------------------------------------------

/// Sixteen columns (5 1/3 pixels) of a row at a time. The samples of their first four taps lie within 64 bytes, or 128,
/// which one vpermb, or vpermi2b, brings into the order of the weights:
///
///     source   r0 g0 b0 r1 g1 b1 r2 g2 b2 r3 g3 b3 r4 ..
///     lanes    r0 r1 r2 r3 | g0 g1 g2 g3 | b0 b1 b2 b3 | next pixel's ..
///
/// The next four taps lie 12 bytes further, in the same order.
class Dense final : public HorizontalPass {
  public:
    explicit Dense(const AxisWeights& axis) : weights_(axis), width_(std::ssize(axis.spans)) {
        const std::int64_t blocks = (kChannels * width_ + kLanes - 1) / kLanes;
        index_.get(blocks * kVector);
        for (std::int64_t b = 0; b < blocks; ++b) {
            const std::int64_t start = first_sample(axis, b * kLanes / kChannels) * kChannels;
            start_.push_back(start);
            for (std::int64_t lane = 0; lane < kLanes; ++lane) {
                const std::int64_t column = std::min(b * kLanes + lane, kChannels * width_ - 1);
                const std::int64_t first = first_sample(axis, column / kChannels) * kChannels + column % kChannels;
                for (std::int64_t k = 0; k < kTaps; ++k) {
                    const std::int64_t at = first + k * kChannels - start;
                    reach_ = std::max(reach_, at);
                    index_.data()[b * kVector + lane * kTaps + k] = static_cast<std::uint8_t>(at);
                }
            }
        }
    }

    /// Whether the samples are near enough to each other for this form.
    bool fits() const { return reach_ < 2 * kVector; }

    SACCADE_AVX512 void run(const std::uint8_t* const* rows, std::uint8_t* const* groups) const override {
        for (std::int64_t i = 0; i < weights_.runs(); ++i) {
            const int terms = weights_.terms(i);
            if (reach_ >= kVector) {
                pixels<0, true>(i, rows, groups);
            } else if (terms == 1) {
                pixels<1, false>(i, rows, groups);
            } else if (terms == 2) {
                pixels<2, false>(i, rows, groups);
            } else if (terms == 3) {
                pixels<3, false>(i, rows, groups);
            } else {
                pixels<0, false>(i, rows, groups);
            }
        }
    }

  private:
    static std::int64_t first_sample(const AxisWeights& axis, std::int64_t x) {
        return axis.spans[static_cast<std::size_t>(x)].first;
    }

    /// Up to sixteen output pixels: three blocks. Terms 0: any number. Wide: samples within 128 bytes.
    template <int Terms, bool Wide>
    SACCADE_AVX512_INLINE void pixels(std::int64_t run, const std::uint8_t* const* rows,
                                      std::uint8_t* const* groups) const {
        const auto blocks = std::ssize(start_);
        std::int64_t b = 3 * run;
        block<Terms, Wide, 0>(b, run, rows, groups);
        if (++b < blocks) block<Terms, Wide, 1>(b, run, rows, groups);
        if (++b < blocks) block<Terms, Wide, 2>(b, run, rows, groups);
    }

    /// Columns 16 * Part and following of the 48 that share weights: column c is of pixel c / 3.
    template <int Terms, bool Wide, int Part>
    SACCADE_AVX512_INLINE void block(std::int64_t b, std::int64_t run, const std::uint8_t* const* rows,
                                     std::uint8_t* const* groups) const {
        constexpr int c = 16 * Part;
        const __m512i pixel = _mm512_setr_epi32(c / 3, (c + 1) / 3, (c + 2) / 3, (c + 3) / 3, (c + 4) / 3, (c + 5) / 3,
                                                (c + 6) / 3, (c + 7) / 3, (c + 8) / 3, (c + 9) / 3, (c + 10) / 3,
                                                (c + 11) / 3, (c + 12) / 3, (c + 13) / 3, (c + 14) / 3, (c + 15) / 3);
        const __m512i order = load(index_.data() + b * kVector);
        const std::int64_t start = start_[static_cast<std::size_t>(b)];
        std::uint8_t* const to[2] = {groups[0] + b * kVector, groups[1] + b * kVector};
        if constexpr (Terms != 0) {
            by_rows<Terms, Wide>(weights_.of(run), pixel, order, start, rows, to);
        } else {
            by_terms<Wide>(weights_.of(run), weights_.terms(run), pixel, order, start, rows, to);
        }
    }

    template <bool Wide>
    SACCADE_AVX512_INLINE static __m512i samples(const std::uint8_t* from, __m512i order) {
        if constexpr (Wide) return _mm512_permutex2var_epi8(load(from), order, load(from + kVector));
        return _mm512_permutexvar_epi8(order, load(from));
    }

    /// Few terms: all their weights stay in registers, and rows are finished one after the other.
    template <int Terms, bool Wide>
    SACCADE_AVX512_INLINE static void by_rows(const std::uint8_t* stored, __m512i pixel, __m512i order,
                                              std::int64_t start, const std::uint8_t* const* rows,
                                              std::uint8_t* const* to) {
        Weights weights[Terms];
        for (int i = 0; i < Terms; ++i) weights[i] = expanded(stored + 3 * i * kVector, pixel);
        for (int g = 0; g < kRowsInCall / kRowsInGroup; ++g, rows += kRowsInGroup) {
            const __m512i a = row<Terms, Wide>(rows[0] + start, order, weights);
            const __m512i b = row<Terms, Wide>(rows[1] + start, order, weights);
            const __m512i c = row<Terms, Wide>(rows[2] + start, order, weights);
            const __m512i d = row<Terms, Wide>(rows[3] + start, order, weights);
            _mm512_store_si512(to[g], interleaved(packed(a, b, c, d)));
        }
    }

    /// The digits are summed one after the other, from the highest, shifting in between:
    /// ((half + high) * 256 + middle) * 256 + low.
    template <int Terms, bool Wide>
    SACCADE_AVX512_INLINE static __m512i row(const std::uint8_t* from, __m512i order, const Weights* weights) {
        __m512i taps[Terms];
        for (int i = 0; i < Terms; ++i) taps[i] = samples<Wide>(from + i * kTaps * kChannels, order);
        __m512i sum = half().high;
        for (int i = 0; i < Terms; ++i) sum = _mm512_dpbusd_epi32(sum, taps[i], weights[i].high);
        sum = _mm512_slli_epi32(sum, 8);
        for (int i = 0; i < Terms; ++i) sum = _mm512_dpbusd_epi32(sum, taps[i], weights[i].middle);
        sum = _mm512_slli_epi32(sum, 8);
        for (int i = 0; i < Terms; ++i) sum = _mm512_dpbusd_epi32(sum, taps[i], weights[i].low);
        return _mm512_srai_epi32(sum, kWeightBits);
    }

    /// Many terms: the sums of all rows stay in registers, 24 of the 32.
    template <bool Wide>
    SACCADE_AVX512_INLINE static void by_terms(const std::uint8_t* stored, int terms, __m512i pixel, __m512i order,
                                               std::int64_t start, const std::uint8_t* const* rows,
                                               std::uint8_t* const* to) {
        FourSums first = four_halves(), second = four_halves();
        for (int i = 0; i < terms; ++i, stored += 3 * kVector, start += kTaps * kChannels) {
            const Weights weights = expanded(stored, pixel);
            add(first.a, samples<Wide>(rows[0] + start, order), weights);
            add(first.b, samples<Wide>(rows[1] + start, order), weights);
            add(first.c, samples<Wide>(rows[2] + start, order), weights);
            add(first.d, samples<Wide>(rows[3] + start, order), weights);
            add(second.a, samples<Wide>(rows[4] + start, order), weights);
            add(second.b, samples<Wide>(rows[5] + start, order), weights);
            add(second.c, samples<Wide>(rows[6] + start, order), weights);
            add(second.d, samples<Wide>(rows[7] + start, order), weights);
        }
        _mm512_store_si512(to[0], interleaved(packed(first)));
        _mm512_store_si512(to[1], interleaved(packed(second)));
    }

    PixelWeights weights_;
    std::int64_t width_;
    AlignedBytes index_;               // a vector for each block: which byte goes where
    std::vector<std::int64_t> start_;  // of each block's samples, in bytes of a row
    std::int64_t reach_ = 0;           // largest of all indices
};

// -- horizontal pass, spread ------------------------------------------------------------------------------------------

/// Four pixels at a time, each in a quarter of the vector, wherever its samples lie: for shrinking more than 7 times.
///
///     quarter   r0 r1 r2 r3 | g0 g1 g2 g3 | b0 b1 b2 b3 | nothing
class Spread final : public HorizontalPass {
  public:
    explicit Spread(const AxisWeights& axis) : weights_(axis), width_(std::ssize(axis.spans)) {
        start_.reserve(axis.spans.size() + 3);
        for (const auto& span : axis.spans) start_.push_back(kChannels * span.first);
        while (start_.size() % 4 != 0) start_.push_back(start_.back());
    }

    SACCADE_AVX512 void run(const std::uint8_t* const* rows, std::uint8_t* const* groups) const override {
        for (std::int64_t x = 0; x < width_; x += 4) {
            const int terms = weights_.terms(x / kPixels);
            const std::uint8_t* weights = weights_.of(x / kPixels);
            const auto part = static_cast<std::int32_t>(x % kPixels);
            quad(rows, start_.data() + x, weights, terms, part, groups[0] + 12 * x, groups[1] + 12 * x);
        }
    }

  private:
    SACCADE_AVX512_INLINE static __m512i samples(const std::uint8_t* row, const std::int64_t* start) {
        const __m512i planes = _mm512_set4_epi32(-1, 0x0b080502, 0x0a070401, 0x09060300);
        __m512i four = _mm512_castsi128_si512(load16(row + start[0]));
        four = _mm512_mask_broadcast_i32x4(four, 0x00f0, load16(row + start[1]));
        four = _mm512_mask_broadcast_i32x4(four, 0x0f00, load16(row + start[2]));
        four = _mm512_mask_broadcast_i32x4(four, 0xf000, load16(row + start[3]));
        return _mm512_shuffle_epi8(four, planes);
    }

    SACCADE_AVX512 static void quad(const std::uint8_t* const* rows, const std::int64_t* start,
                                    const std::uint8_t* stored, int terms, std::int32_t part, std::uint8_t* to_first,
                                    std::uint8_t* to_second) {
        const __m512i pixel =
            _mm512_add_epi32(_mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3), broadcast(part));
        FourSums first = four_halves(), second = four_halves();
        for (std::int64_t at = 0; at < terms * kTaps * kChannels; at += kTaps * kChannels, stored += 3 * kVector) {
            const Weights weights = expanded(stored, pixel);
            add(first.a, samples(rows[0] + at, start), weights);
            add(first.b, samples(rows[1] + at, start), weights);
            add(first.c, samples(rows[2] + at, start), weights);
            add(first.d, samples(rows[3] + at, start), weights);
            add(second.a, samples(rows[4] + at, start), weights);
            add(second.b, samples(rows[5] + at, start), weights);
            add(second.c, samples(rows[6] + at, start), weights);
            add(second.d, samples(rows[7] + at, start), weights);
        }
        // The fourth lane of each quarter holds nothing; the twelve others are columns.
        const __m512i columns = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
        store(to_first, _mm512_permutexvar_epi32(columns, interleaved(packed(first))));
        store(to_second, _mm512_permutexvar_epi32(columns, interleaved(packed(second))));
    }

    PixelWeights weights_;
    std::int64_t width_;
    std::vector<std::int64_t> start_;  // of each pixel's samples, in bytes of a row
};

std::unique_ptr<HorizontalPass> horizontal(const AxisWeights& axis) {
    auto dense = std::make_unique<Dense>(axis);
    if (dense->fits()) return dense;
    return std::make_unique<Spread>(axis);
}

// -- vertical pass ----------------------------------------------------------------------------------------------------

/// 64 columns of one row. Count 0: any number of groups.
template <int Count>
SACCADE_AVX512_INLINE void columns64(const std::int32_t* words, const std::uint8_t* const* groups, int count,
                                     std::int64_t x, std::uint8_t* out) {
    FourSums sums = four_halves();
    for (int i = 0; i < (Count != 0 ? Count : count); ++i) {
        const Weights weights = {broadcast(words[3 * i]), broadcast(words[3 * i + 1]), broadcast(words[3 * i + 2])};
        const std::uint8_t* from = groups[i] + 4 * x;
        add(sums.a, _mm512_load_si512(from), weights);
        add(sums.b, _mm512_load_si512(from + kVector), weights);
        add(sums.c, _mm512_load_si512(from + 2 * kVector), weights);
        add(sums.d, _mm512_load_si512(from + 3 * kVector), weights);
    }
    // Packing works on quarters of vectors; the permutation brings the columns back into order.
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    store(out, _mm512_permutexvar_epi32(order, packed(sums)));
}

template <int Count>
SACCADE_AVX512 void vertical_of(const std::int32_t* words, const std::uint8_t* const* groups, int count,
                                std::int64_t samples, std::uint8_t* out) {
    std::int64_t x = 0;
    for (; x + kVector <= samples; x += kVector) columns64<Count>(words, groups, count, x, out + x);
    if (x < samples) {
        std::uint8_t tail[kVector];
        columns64<Count>(words, groups, count, x, tail);
        std::memcpy(out + x, tail, static_cast<std::size_t>(samples - x));
    }
}

void vertical(const std::int32_t* words, const std::uint8_t* const* groups, std::int64_t count, std::int64_t samples,
              std::uint8_t* out) {
    switch (count) {
        case 1:
            return vertical_of<1>(words, groups, 1, samples, out);
        case 2:
            return vertical_of<2>(words, groups, 2, samples, out);
        case 3:
            return vertical_of<3>(words, groups, 3, samples, out);
        case 4:
            return vertical_of<4>(words, groups, 4, samples, out);
        case 7:
            return vertical_of<7>(words, groups, 7, samples, out);
        case 8:
            return vertical_of<8>(words, groups, 8, samples, out);
        default:
            return vertical_of<0>(words, groups, static_cast<int>(count), samples, out);
    }
}

// -- rows, groups, patches --------------------------------------------------------------------------------------------

/// Index that turns four rows of 16 columns into 16 columns of four rows, or, back, the other way round.
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

SACCADE_AVX512 void join(const std::uint8_t* const* rows, std::int64_t samples, std::uint8_t* group) {
    const __m512i order = transposition(false);
    for (std::int64_t x = 0; x < samples; x += kLanes) {
        __m512i four = _mm512_castsi128_si512(load16(rows[0] + x));
        four = _mm512_mask_broadcast_i32x4(four, 0x00f0, load16(rows[1] + x));
        four = _mm512_mask_broadcast_i32x4(four, 0x0f00, load16(rows[2] + x));
        four = _mm512_mask_broadcast_i32x4(four, 0xf000, load16(rows[3] + x));
        _mm512_store_si512(group + 4 * x, _mm512_permutexvar_epi8(order, four));
    }
}

SACCADE_AVX512 void split(const std::uint8_t* group, std::int64_t samples, std::uint8_t* const* rows) {
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

/// Sixteen pixels at a time, of four bytes each, or of one.
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

/// Patches of at most 16 pixels a side: one vpermb brings a row's channels into three quarters of a vector. What is
/// written past a row's end is overwritten by the next row; the last row is written exactly.
template <int Side>
SACCADE_AVX512 void cut_of(const std::uint8_t* const* rows, std::int64_t count, std::uint8_t* const* patches) {
    constexpr std::int64_t area = Side * Side;
    alignas(64) std::uint8_t index[64] = {};
    for (int i = 0; i < 48; ++i) index[i] = static_cast<std::uint8_t>(3 * (i % 16) + i / 16);
    const __m512i order = _mm512_load_si512(index);
    for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t y = 0; y < Side; ++y) {
            const __m512i planes = _mm512_permutexvar_epi8(order, load(rows[y] + kChannels * Side * i));
            std::uint8_t* out = patches[i] + y * Side;
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

void cut(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count, std::uint8_t* const* patches) {
    if (patch_size == 14) return cut_of<14>(rows, count, patches);
    if (patch_size == 16) return cut_of<16>(rows, count, patches);
    cut_plain(rows, patch_size, count, patches);
}

bool supported() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

}  // namespace

const Kernel kAvx512Kernel = {
    .name = "avx512",
    .supported = supported,
    .rows_in_group = kRowsInGroup,
    .rows_in_call = kRowsInCall,
    .bytes_a_column = 4,
    .words_a_group = 3,
    .horizontal = horizontal,
    .pack = pack,
    .vertical = vertical,
    .join = join,
    .split = split,
    .to_rgb = to_rgb,
    .cut = cut,
};

}  // namespace saccade

#endif
