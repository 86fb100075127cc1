// The horizontal pass of the AVX-512 kernel: permutes the bytes of interleaved pixels into groups of four taps.
#if defined(__x86_64__)

#include <algorithm>
#include <cstring>
#include <iterator>

#include "../workspace.h"
#include "avx512.h"

namespace saccade::avx512 {
namespace {

// -- coefficients -----------------------------------------------------------------------------------------------------

/// Weights in runs of 16 output pixels: four taps of each pixel in a vector, one vector per digit:
///
///     of(run)[Digits * term + digit]   pixel 0 taps 4 * term .. + 3, pixel 1 .., .. pixel 15
///
/// Taps are counted from each pixel's first sample. Weights are not repeated for the three channels.
template <int Digits>
class PixelWeights {
  public:
    explicit PixelWeights(const AxisWeights& axis) {
        const std::int64_t width = std::ssize(axis.spans);
        std::int64_t vectors = 0;
        for (std::int64_t x = 0; x < width; x += kPixels) {
            std::int64_t terms = 1;
            for (std::int64_t i = x; i < std::min(width, x + kPixels); ++i) {
                terms = std::max(terms, (axis.spans[static_cast<std::size_t>(i)].count + kTaps - 1) / kTaps);
            }
            runs_.push_back({static_cast<int>(terms), vectors});
            vectors += Digits * terms;
        }
        auto* packed_weights = reinterpret_cast<std::int32_t*>(data_.get((vectors + 3 * Digits) * kVector));
        for (std::int64_t x = 0; x < width; ++x) {
            const auto& span = axis.spans[static_cast<std::size_t>(x)];
            const Run& run = runs_[static_cast<std::size_t>(x / kPixels)];
            store_pixel(axis.weights.data() + span.offset, span.count, run.terms,
                        packed_weights + run.offset * kLanes + x % kPixels);
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

    /// Stores four terms at a time. Writes past the last term are overwritten by the next run.
    SACCADE_AVX512 static void store_pixel(const std::int32_t* weights, std::int64_t count, int terms,
                                           std::int32_t* packed_weights) {
        for (int term = 0; term < terms;
             term += 4, weights += 4 * kTaps, count -= 4 * kTaps, packed_weights += 4 * Digits * kLanes) {
            const auto there = static_cast<__mmask16>((1U << std::clamp<std::int64_t>(count, 0, 16)) - 1);
            const FourDigits digit = four_digits(_mm512_maskz_loadu_epi32(there, weights));
            const __m128i all[3] = {digit.high, digit.middle, digit.low};
            for (int d = 0; d < Digits; ++d) {
                const __m128i four = all[d + 3 - Digits];
                std::int32_t* to = packed_weights + d * kLanes;
                to[0] = _mm_extract_epi32(four, 0);
                to[Digits * kLanes] = _mm_extract_epi32(four, 1);
                to[2 * Digits * kLanes] = _mm_extract_epi32(four, 2);
                to[3 * Digits * kLanes] = _mm_extract_epi32(four, 3);
            }
        }
    }
    std::vector<Run> runs_;
    AlignedBytes data_;
};

// -- horizontal pass, dense -------------------------------------------------------------------------------------------

/// A pass over blocks of sixteen columns (5 1/3 pixels). vpermb moves the samples of their first four taps, out of 64
/// bytes of the row, into the order of the weights:
///
///     source   r0 g0 b0 r1 g1 b1 r2 g2 b2 r3 g3 b3 r4 ..
///     lanes    r0 r1 r2 r3 | g0 g1 g2 g3 | b0 b1 b2 b3 | next pixel's ..
///
/// The next four taps are 12 bytes further, in the same order. If the samples of a block span more than 64 bytes, they
/// come from two or three windows of 64 bytes, one vpermb each. One permutation of 128 bytes would be three operations.
template <int Digits>
class Dense final : public HorizontalPass {
  public:
    explicit Dense(const AxisWeights& axis) : weights_(axis), bits_(axis.bits), width_(std::ssize(axis.spans)) {
        const std::int64_t count = (kChannels * width_ + kLanes - 1) / kLanes;
        order_.get(count * kVector);
        blocks_.reserve(static_cast<std::size_t>(count));
        for (std::int64_t b = 0; b < count && windows_ <= kMaxWindows; ++b) add_block(axis, b);
    }

    /// Returns true if the samples are close enough to each other for this form.
    bool fits() const { return windows_ <= kMaxWindows; }

    SACCADE_AVX512 void run(const std::uint8_t* const* rows, std::uint8_t* const* groups,
                            std::int64_t ahead) const override {
        for (std::int64_t i = 0; i < weights_.runs(); ++i) {
            const int terms = weights_.terms(i);
            if (ahead != 0 && terms <= kMaxTermsToPrefetch) prefetch(i, rows, ahead);
            if (windows_ == 3) {
                pixels<0, 3>(i, rows, groups);
            } else if (windows_ == 2) {
                pixels<0, 2>(i, rows, groups);
            } else if (terms == 1) {
                pixels<1, 1>(i, rows, groups);
            } else if (terms == 2) {
                pixels<2, 1>(i, rows, groups);
            } else if (terms == 3) {
                pixels<3, 1>(i, rows, groups);
            } else {
                pixels<0, 1>(i, rows, groups);
            }
        }
    }

  private:
    static constexpr int kMaxWindows = 3;
    static constexpr std::int64_t kLine = 64;

    /// With more terms, arithmetic takes longer than memory.
    static constexpr int kMaxTermsToPrefetch = 2;

    struct Block {
        std::int64_t start[kMaxWindows];  // start of each window, in bytes of a row
        __mmask64 bytes[kMaxWindows];     // bytes that each window fills
    };

    static std::int64_t first_sample(const AxisWeights& axis, std::int64_t x) {
        return kChannels * axis.spans[static_cast<std::size_t>(x)].first;
    }

    /// Prefetches the samples of a run in the rows `ahead` bytes further. Into the L2 cache, so that the L1 cache keeps
    /// the current samples.
    void prefetch(std::int64_t run, const std::uint8_t* const* rows, std::int64_t ahead) const {
        const auto first = static_cast<std::size_t>(3 * run), next = std::min(first + 3, blocks_.size() - 1);
        const std::int64_t end = blocks_[next].start[0] / kLine;
        for (std::int64_t line = blocks_[first].start[0] / kLine; line < end; ++line) {
            for (int r = 0; r < kRowsInCall; ++r) __builtin_prefetch(rows[r] + ahead + kLine * line, 0, 2);
        }
    }

    /// Adds block b. A window takes the lanes that it reaches, and the next window begins at the next pixel.
    void add_block(const AxisWeights& axis, std::int64_t b) {
        constexpr std::int64_t reach = (kTaps - 1) * kChannels;
        Block block{};
        int window = 0;
        std::uint32_t lanes[kLanes] = {};
        block.start[0] = first_sample(axis, b * kLanes / kChannels);
        for (std::int64_t lane = 0; lane < kLanes; ++lane) {
            const std::int64_t column = std::min(b * kLanes + lane, kChannels * width_ - 1);
            const std::int64_t pixel = first_sample(axis, column / kChannels), first = pixel + column % kChannels;
            if (first + reach - block.start[window] >= kVector) {
                if (++window == kMaxWindows) break;
                block.start[window] = pixel;
            }
            const auto at = static_cast<std::uint32_t>(first - block.start[window]);
            lanes[lane] = 0x01010101U * at + 0x09060300U;  // bytes at, at + 3, at + 6, at + 9
            block.bytes[window] |= __mmask64{0xf} << (kTaps * lane);
        }
        std::memcpy(order_.data() + b * kVector, lanes, sizeof lanes);
        windows_ = std::max(windows_, window + 1);
        for (int i = window + 1; i < kMaxWindows; ++i) block.start[i] = block.start[0];
        blocks_.push_back(block);
    }

    /// Computes up to sixteen output pixels: three blocks. Terms 0: any number.
    template <int Terms, int Windows>
    SACCADE_AVX512_INLINE void pixels(std::int64_t run, const std::uint8_t* const* rows,
                                      std::uint8_t* const* groups) const {
        const auto blocks = std::ssize(blocks_);
        std::int64_t b = 3 * run;
        block<Terms, Windows, 0>(b, run, rows, groups);
        if (++b < blocks) block<Terms, Windows, 1>(b, run, rows, groups);
        if (++b < blocks) block<Terms, Windows, 2>(b, run, rows, groups);
    }

    /// Computes columns 16 * Part to 16 * Part + 15 of the 48 that share weights. Column c belongs to pixel c / 3.
    template <int Terms, int Windows, int Part>
    SACCADE_AVX512_INLINE void block(std::int64_t b, std::int64_t run, const std::uint8_t* const* rows,
                                     std::uint8_t* const* groups) const {
        constexpr int c = 16 * Part;
        const __m512i pixel = _mm512_setr_epi32(c / 3, (c + 1) / 3, (c + 2) / 3, (c + 3) / 3, (c + 4) / 3, (c + 5) / 3,
                                                (c + 6) / 3, (c + 7) / 3, (c + 8) / 3, (c + 9) / 3, (c + 10) / 3,
                                                (c + 11) / 3, (c + 12) / 3, (c + 13) / 3, (c + 14) / 3, (c + 15) / 3);
        const __m512i order = load(order_.data() + b * kVector);
        const Block& block = blocks_[static_cast<std::size_t>(b)];
        std::uint8_t* const to[2] = {groups[0] + b * kVector, groups[1] + b * kVector};
        if constexpr (Terms != 0) {
            by_digits<Terms>(weights_.of(run), pixel, order, block.start[0], bits_, rows, to);
        } else {
            by_terms<Windows>(weights_.of(run), weights_.terms(run), pixel, order, block, bits_, rows, to);
        }
    }

    /// Sums few terms, whose weights and samples stay in registers. The digits are summed from the highest, with shifts
    /// in between, as in ((half + high) * 256 + middle) * 256 + low. Four rows are interleaved, because the additions
    /// of one row depend on each other.
    template <int Terms>
    SACCADE_AVX512_INLINE static void by_digits(const std::uint8_t* stored, __m512i pixel, __m512i order,
                                                std::int64_t start, int bits, const std::uint8_t* const* rows,
                                                std::uint8_t* const* to) {
        Weights<Digits> weights[Terms];
        for (int i = 0; i < Terms; ++i) weights[i] = expanded<Digits>(stored + Digits * i * kVector, pixel);
        for (int g = 0; g < kRowsInCall / kRowsInGroup; ++g, rows += kRowsInGroup) {
            __m512i taps[Terms][kRowsInGroup], sums[kRowsInGroup];
            for (int r = 0; r < kRowsInGroup; ++r) sums[r] = high_half<Digits>(bits);
            for (int d = 0; d < Digits; ++d) {
                for (int r = 0; d > 0 && r < kRowsInGroup; ++r) sums[r] = _mm512_slli_epi32(sums[r], 8);
                for (int i = 0; i < Terms; ++i) {
                    for (int r = 0; r < kRowsInGroup; ++r) {
                        if (d == 0) {
                            taps[i][r] = _mm512_permutexvar_epi8(order, load(rows[r] + start + i * kTaps * kChannels));
                        }
                        sums[r] = _mm512_dpbusd_epi32(sums[r], taps[i][r], weights[i].digit[d]);
                    }
                }
            }
            for (int r = 0; r < kRowsInGroup; ++r) sums[r] = without_fraction<Digits>(sums[r], bits);
            _mm512_store_si512(to[g], interleaved(packed(sums[0], sums[1], sums[2], sums[3])));
        }
    }

    /// Sums many terms. The sums of all rows stay in registers, 24 of the 32 with three digits.
    template <int Windows>
    SACCADE_AVX512_INLINE static void by_terms(const std::uint8_t* stored, int terms, __m512i pixel, __m512i order,
                                               const Block& block, int bits, const std::uint8_t* const* rows,
                                               std::uint8_t* const* to) {
        Sum<Digits> sums[kRowsInCall];
        const std::uint8_t* row[kRowsInCall];
        for (int r = 0; r < kRowsInCall; ++r) sums[r] = half<Digits>(bits), row[r] = rows[r];
        std::int64_t at[kMaxWindows] = {block.start[0], block.start[1], block.start[2]};
        const __mmask64 second = block.bytes[1], third = block.bytes[2];
        const std::uint8_t* const end = stored + Digits * kVector * terms;
        for (; stored < end; stored += Digits * kVector) {
            const Weights<Digits> weights = expanded<Digits>(stored, pixel);
            for (int r = 0; r < kRowsInCall; ++r) {
                __m512i taps = _mm512_permutexvar_epi8(order, load(row[r] + at[0]));
                if (Windows > 1) taps = _mm512_mask_permutexvar_epi8(taps, second, order, load(row[r] + at[1]));
                if (Windows > 2) taps = _mm512_mask_permutexvar_epi8(taps, third, order, load(row[r] + at[2]));
                add(sums[r], taps, weights);
            }
            for (int i = 0; i < Windows; ++i) {
                at[i] += kTaps * kChannels;
                keep(at[i]);
            }
        }
        for (int g = 0; g < kRowsInCall / kRowsInGroup; ++g) {
            const Sum<Digits>* four = sums + kRowsInGroup * g;
            _mm512_store_si512(to[g], interleaved(packed(whole(four[0], bits), whole(four[1], bits),
                                                         whole(four[2], bits), whole(four[3], bits))));
        }
    }

    /// Makes compilers add the offset to each row's address in the load, because there are too few registers for the
    /// sums.
    static void keep(std::int64_t& offset) { __asm__("" : "+r"(offset)); }

    PixelWeights<Digits> weights_;
    int bits_;  // fraction bits of a weight
    std::int64_t width_;
    AlignedBytes order_;  // one vpermb index vector per block
    std::vector<Block> blocks_;
    int windows_ = 1;  // maximum number of windows of a block
};

// -- horizontal pass, spread ------------------------------------------------------------------------------------------

/// A pass over four pixels at a time, one per quarter of the vector, with samples at any distance: for scales above 17.
///
///     quarter   r0 r1 r2 r3 | g0 g1 g2 g3 | b0 b1 b2 b3 | unused
template <int Digits>
class Spread final : public HorizontalPass {
  public:
    explicit Spread(const AxisWeights& axis) : weights_(axis), bits_(axis.bits), width_(std::ssize(axis.spans)) {
        start_.reserve(axis.spans.size() + 3);
        for (const auto& span : axis.spans) start_.push_back(kChannels * span.first);
        while (start_.size() % 4 != 0) start_.push_back(start_.back());
    }

    SACCADE_AVX512 void run(const std::uint8_t* const* rows, std::uint8_t* const* groups, std::int64_t) const override {
        for (std::int64_t x = 0; x < width_; x += 4) {
            const int terms = weights_.terms(x / kPixels);
            const std::uint8_t* weights = weights_.of(x / kPixels);
            const auto part = static_cast<std::int32_t>(x % kPixels);
            quad(rows, start_.data() + x, weights, terms, part, bits_, groups[0] + 12 * x, groups[1] + 12 * x);
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
                                    const std::uint8_t* stored, int terms, std::int32_t part, int bits,
                                    std::uint8_t* to_first, std::uint8_t* to_second) {
        const __m512i pixel =
            _mm512_add_epi32(_mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3), broadcast(part));
        FourSums<Digits> first = four_halves<Digits>(bits), second = four_halves<Digits>(bits);
        for (std::int64_t at = 0; at < terms * kTaps * kChannels; at += kTaps * kChannels, stored += Digits * kVector) {
            const Weights<Digits> weights = expanded<Digits>(stored, pixel);
            add(first.a, samples(rows[0] + at, start), weights);
            add(first.b, samples(rows[1] + at, start), weights);
            add(first.c, samples(rows[2] + at, start), weights);
            add(first.d, samples(rows[3] + at, start), weights);
            add(second.a, samples(rows[4] + at, start), weights);
            add(second.b, samples(rows[5] + at, start), weights);
            add(second.c, samples(rows[6] + at, start), weights);
            add(second.d, samples(rows[7] + at, start), weights);
        }
        // The fourth lane of each quarter is unused; the other twelve are columns.
        const __m512i columns = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
        store(to_first, _mm512_permutexvar_epi32(columns, interleaved(packed(first, bits))));
        store(to_second, _mm512_permutexvar_epi32(columns, interleaved(packed(second, bits))));
    }

    PixelWeights<Digits> weights_;
    int bits_;  // fraction bits of a weight
    std::int64_t width_;
    std::vector<std::int64_t> start_;  // start of each pixel's samples, in bytes of a row
};

}  // namespace

template <int Digits>
std::unique_ptr<HorizontalPass> horizontal(const AxisWeights& axis) {
    auto dense = std::make_unique<Dense<Digits>>(axis);
    if (dense->fits()) return dense;
    return std::make_unique<Spread<Digits>>(axis);
}
template std::unique_ptr<HorizontalPass> horizontal<2>(const AxisWeights& axis);
template std::unique_ptr<HorizontalPass> horizontal<3>(const AxisWeights& axis);

}  // namespace saccade::avx512

#endif
