// A NEON kernel on dot products of four bytes. The including file defines:
//     SACCADE_DOT                  the function attribute that enables the instruction
//     SACCADE_DOT_NAMESPACE        the kernel's namespace in saccade, which contains:
//     kBias                        the value that dot() subtracts from samples, 0 or 128
//     dot(sum, samples, weights)   sum + the products of four bytes of (samples - kBias) and weights
//
// Weights are three signed bytes, or two for torchvision's 16-bit weights. A group is four rows. Sums are modulo 2^32,
// and the result fits into 32 bits.

#define SACCADE_DOT_INLINE SACCADE_DOT __attribute__((always_inline)) inline

namespace saccade::SACCADE_DOT_NAMESPACE {

constexpr int kRowsInGroup = 4;
constexpr int kRowsInCall = 8;
constexpr int kTaps = 4;
template <int Digits>
constexpr int kPackedPerGroup = Digits + 1;  // the digits of four weights, and their bias

/// Sums, one per digit of the weights, highest first.
template <int Digits>
struct Sum {
    int32x4_t digit[Digits];
};

/// The digits of four weights, highest first, in every lane.
template <int Digits>
struct Weights {
    int8x16_t digit[Digits];
};

template <int Digits>
SACCADE_DOT_INLINE Sum<Digits> zero() {
    Sum<Digits> sum;
    for (int d = 0; d < Digits; ++d) sum.digit[d] = vdupq_n_s32(0);
    return sum;
}

template <int Digits>
SACCADE_DOT_INLINE Weights<Digits> repeated(const std::int32_t* packed_weights) {
    Weights<Digits> weights;
    for (int d = 0; d < Digits; ++d) weights.digit[d] = vreinterpretq_s8_s32(vdupq_n_s32(packed_weights[d]));
    return weights;
}

template <int Digits>
SACCADE_DOT_INLINE void add(Sum<Digits>& sum, uint8x16_t samples, const Weights<Digits>& weights) {
    for (int d = 0; d < Digits; ++d) sum.digit[d] = dot(sum.digit[d], samples, weights.digit[d]);
}

/// Returns the sum of all digits, of the bias and of the half that rounds, without its fraction of `bits` bits. That of
/// three digits is known when compiled.
template <int Digits>
SACCADE_DOT_INLINE int32x4_t whole(const Sum<Digits>& sum, std::uint32_t bias_sum, int bits) {
    const int fraction = Digits == 3 ? kWeightBits : bits;
    const int32x4_t rest = vdupq_n_s32(static_cast<std::int32_t>((1U << (fraction - 1)) + bias_sum));
    const int32x4_t low = sum.digit[Digits - 1], next = vshlq_n_s32(sum.digit[Digits - 2], 8);
    const int32x4_t upper = Digits == 3 ? vaddq_s32(vshlq_n_s32(sum.digit[0], 16), next) : next;
    const int32x4_t total = vaddq_s32(vaddq_s32(upper, low), rest);
    return Digits == 3 ? vshrq_n_s32(total, kWeightBits) : vshlq_s32(total, vdupq_n_s32(-bits));
}

/// Rounds four sums to bytes.
template <int Digits>
SACCADE_DOT_INLINE uint8x16_t rounded(const Sum<Digits>* sums, std::uint32_t bias_sum, int bits) {
    return neon::to_bytes(whole(sums[0], bias_sum, bits), whole(sums[1], bias_sum, bits),
                          whole(sums[2], bias_sum, bits), whole(sums[3], bias_sum, bits));
}

// -- coefficients -----------------------------------------------------------------------------------------------------

template <int Digits>
inline void pack_four(const std::int32_t* weights, std::int32_t* packed_weights) {
    std::int8_t bytes[3][kTaps];
    std::uint32_t sum = 0;
    for (int k = 0; k < kTaps; ++k) {
        const WeightDigits digit = digits(weights[k]);
        bytes[0][k] = digit.high, bytes[1][k] = digit.middle, bytes[2][k] = digit.low;
        sum += static_cast<std::uint32_t>(weights[k]);
    }
    std::memcpy(packed_weights, bytes[3 - Digits], std::size_t{Digits} * kTaps);
    packed_weights[Digits] = static_cast<std::int32_t>(kBias * sum);
}

template <int Digits>
inline void pack(const std::int32_t* weights, std::int64_t count, std::int64_t skip, std::int64_t groups,
                 std::int32_t* packed_weights) {
    for (std::int64_t i = 0; i < groups; ++i, packed_weights += kPackedPerGroup<Digits>) {
        std::int32_t four[kTaps];
        copy_weights<kTaps>(weights, count, kTaps * i - skip, four);
        pack_four<Digits>(four, packed_weights);
    }
}

// -- horizontal pass --------------------------------------------------------------------------------------------------

/// A pass over eight rows, pixel by pixel. A table lookup moves four taps into the order of the weights:
///
///     r0 g0 b0 r1 g1 b1 r2 g2 b2 r3 g3 b3 ....   to   r0 r1 r2 r3 | g0 g1 g2 g3 | b0 b1 b2 b3 | unused
template <int Digits>
class Horizontal final : public HorizontalPass {
  public:
    explicit Horizontal(const AxisWeights& axis) : bits_(axis.bits) {
        pixels_.reserve(axis.spans.size());
        for (const auto& span : axis.spans) {
            const std::int64_t terms = (span.count + kTaps - 1) / kTaps;
            pixels_.push_back({kChannels * span.first, terms, packed_.size()});
            packed_.resize(packed_.size() + static_cast<std::size_t>(kPackedPerGroup<Digits> * terms));
            pack<Digits>(axis.weights.data() + span.offset, span.count, 0, terms,
                         packed_.data() + pixels_.back().offset);
        }
    }

    SACCADE_DOT void run(const std::uint8_t* const* rows, std::uint8_t* const* groups, std::int64_t) const override {
        static constexpr std::uint8_t planes[16] = {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, 255, 255, 255, 255};
        // Four rows of (r g b unused) to four reds, greens, blues and unused bytes.
        static constexpr std::uint8_t transposed[16] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
        const uint8x16_t order = vld1q_u8(planes), transpose = vld1q_u8(transposed);
        std::int64_t at = 0;
        for (const Pixel& pixel : pixels_) {
            const std::int32_t* packed_weights = packed_.data() + pixel.offset;
            Sum<Digits> sums[kRowsInCall];
            for (auto& sum : sums) sum = zero<Digits>();
            std::uint32_t bias_sum = 0;
            for (std::int64_t i = 0; i < pixel.terms; ++i, packed_weights += kPackedPerGroup<Digits>) {
                const Weights<Digits> weights = repeated<Digits>(packed_weights);
                bias_sum += static_cast<std::uint32_t>(packed_weights[Digits]);
                for (int r = 0; r < kRowsInCall; ++r) {
                    const uint8x16_t taps = vld1q_u8(rows[r] + pixel.start + kTaps * kChannels * i);
                    add(sums[r], vqtbl1q_u8(taps, order), weights);
                }
            }
            for (int g = 0; g < kRowsInCall / kRowsInGroup; ++g) {
                const uint8x16_t bytes = rounded(sums + g * kRowsInGroup, bias_sum, bits_);
                vst1q_u8(groups[g] + at, vqtbl1q_u8(bytes, transpose));
            }
            at += kChannels * kRowsInGroup;
        }
    }

  private:
    struct Pixel {
        std::int64_t start;  // start of its samples, in bytes of a row
        std::int64_t terms;  // number of vectors of four taps
        std::size_t offset;  // index of the first packed weight
    };
    int bits_;  // fraction bits of a weight
    std::vector<Pixel> pixels_;
    std::vector<std::int32_t> packed_;
};

template <int Digits>
inline std::unique_ptr<HorizontalPass> horizontal(const AxisWeights& axis) {
    return std::make_unique<Horizontal<Digits>>(axis);
}

// -- vertical pass ----------------------------------------------------------------------------------------------------

template <int Digits>
SACCADE_DOT_INLINE void columns16(const std::int32_t* packed_weights, const std::uint8_t* const* groups,
                                  std::int64_t count, std::int64_t x, int bits, std::uint8_t* out) {
    Sum<Digits> sums[4] = {zero<Digits>(), zero<Digits>(), zero<Digits>(), zero<Digits>()};
    std::uint32_t bias_sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int32_t* group = packed_weights + kPackedPerGroup<Digits> * i;
        const Weights<Digits> weights = repeated<Digits>(group);
        bias_sum += static_cast<std::uint32_t>(group[Digits]);
        for (int j = 0; j < 4; ++j) add(sums[j], vld1q_u8(groups[i] + 4 * x + 16 * j), weights);
    }
    vst1q_u8(out, rounded(sums, bias_sum, bits));
}

template <int Digits>
SACCADE_DOT inline void vertical(const std::int32_t* packed_weights, const std::uint8_t* const* groups,
                                 std::int64_t count, std::int64_t samples, int bits, std::uint8_t* out) {
    std::int64_t x = 0;
    for (; x + 16 <= samples; x += 16) columns16<Digits>(packed_weights, groups, count, x, bits, out + x);
    if (x < samples) {
        std::uint8_t tail[16];
        columns16<Digits>(packed_weights, groups, count, x, bits, tail);
        std::memcpy(out + x, tail, static_cast<std::size_t>(samples - x));
    }
}

// -- rows and groups --------------------------------------------------------------------------------------------------

inline void interleave(const std::uint8_t* const* rows, std::int64_t samples, std::uint8_t* group) {
    for (std::int64_t x = 0; x < samples; x += 16) {
        const uint8x16x4_t four = {
            {vld1q_u8(rows[0] + x), vld1q_u8(rows[1] + x), vld1q_u8(rows[2] + x), vld1q_u8(rows[3] + x)}};
        vst4q_u8(group + 4 * x, four);
    }
}

inline void deinterleave(const std::uint8_t* group, std::int64_t samples, std::uint8_t* const* rows) {
    std::int64_t x = 0;
    for (; x + 16 <= samples; x += 16) {
        const uint8x16x4_t four = vld4q_u8(group + 4 * x);
        for (int r = 0; r < kRowsInGroup; ++r) vst1q_u8(rows[r] + x, four.val[r]);
    }
    for (; x < samples; ++x) {
        for (int r = 0; r < kRowsInGroup; ++r) rows[r][x] = group[4 * x + r];
    }
}

}  // namespace saccade::SACCADE_DOT_NAMESPACE
