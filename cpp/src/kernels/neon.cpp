// The kernel for any 64-bit Arm CPU: NEON multiply-add in 32-bit lanes. A group is one row. 16-bit weights would need
// as many multiplications, so torchvision's are widened.
#if defined(__aarch64__)

#include "neon.h"

#include <algorithm>

#include "../image.h"
#include "bicubic_simd.h"
#include "normalize.h"

#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace saccade {
namespace neon {
namespace {

#if defined(__APPLE__)
bool has(const char* feature) {
    int value = 0;
    std::size_t size = sizeof value;
    return sysctlbyname(feature, &value, &size, nullptr, 0) == 0 && value != 0;
}
#endif

template <int Side>
void patchify_rows_of(const std::uint8_t* const* rows, std::int64_t count, std::uint8_t* const* patches) {
    constexpr std::int64_t area = Side * Side;
    for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t y = 0; y < Side; ++y) {
            const uint8x16x3_t planes = vld3q_u8(rows[y] + kChannels * Side * i);
            for (int c = 0; c < 3; ++c) {
                std::uint8_t* out = patches[i] + c * area + y * Side;
                // Writes past a row's end are overwritten by the next row; the last row is written exactly.
                if (Side == 16 || y + 1 < Side) {
                    vst1q_u8(out, planes.val[c]);
                } else {
                    std::uint8_t last[16];
                    vst1q_u8(last, planes.val[c]);
                    std::memcpy(out, last, Side);
                }
            }
        }
    }
}

}  // namespace

bool has_dotprod() {
#if defined(__linux__)
    constexpr unsigned long asimddp = 1UL << 20;  // HWCAP_ASIMDDP
    return (getauxval(AT_HWCAP) & asimddp) != 0;
#elif defined(__APPLE__)
    return has("hw.optional.arm.FEAT_DotProd");
#else
    return false;
#endif
}

bool has_i8mm() {
#if defined(__linux__)
    constexpr unsigned long i8mm = 1UL << 13;  // HWCAP2_I8MM
    return (getauxval(AT_HWCAP2) & i8mm) != 0;
#elif defined(__APPLE__)
    return has("hw.optional.arm.FEAT_I8MM");
#else
    return false;
#endif
}

AxisWeights weights(std::int64_t input, std::int64_t output, WeightRounding rounding) {
    return bicubic_weights_simd(input, output, rounding);
}

void to_rgb(const std::uint8_t* row, PixelFormat format, std::int64_t width, std::uint8_t* out) {
    std::int64_t x = 0;
    for (; format != PixelFormat::kRgb && x + 16 <= width; x += 16) {
        uint8x16x3_t rgb;
        if (format == PixelFormat::kGrey) {
            rgb.val[0] = rgb.val[1] = rgb.val[2] = vld1q_u8(row + x);
        } else {
            const uint8x16x4_t four = vld4q_u8(row + 4 * x);
            const bool bgra = format == PixelFormat::kBgra;
            rgb.val[0] = four.val[bgra ? 2 : 0], rgb.val[1] = four.val[1], rgb.val[2] = four.val[bgra ? 0 : 2];
        }
        vst3q_u8(out + kChannels * x, rgb);
    }
    to_rgb_plain(row, format, x, width, out);
}

void patchify_rows(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count,
                   std::uint8_t* const* patches) {
    if (patch_size == 14) return patchify_rows_of<14>(rows, count, patches);
    if (patch_size == 16) return patchify_rows_of<16>(rows, count, patches);
    patchify_rows_plain(rows, patch_size, count, patches);
}

}  // namespace neon

namespace {

constexpr int kRowsInCall = 4;

/// Sums of weights of kWeightBits: the half that rounds, and sixteen sums as bytes. Sums are modulo 2^32, and the
/// result fits into 32 bits.
int32x4_t half() { return vdupq_n_s32(1 << (kWeightBits - 1)); }
uint8x16_t rounded(const int32x4_t* sums) {
    return neon::to_bytes(vshrq_n_s32(sums[0], kWeightBits), vshrq_n_s32(sums[1], kWeightBits),
                          vshrq_n_s32(sums[2], kWeightBits), vshrq_n_s32(sums[3], kWeightBits));
}

/// A pass that multiplies the weight of a tap with four bytes from its pixel: red, green, blue and one unused byte.
class Horizontal final : public HorizontalPass {
  public:
    explicit Horizontal(const AxisWeights& axis) : axis_(axis) {}

    void run(const std::uint8_t* const* rows, std::uint8_t* const* groups, std::int64_t) const override {
        for (std::size_t x = 0; x < axis_.spans.size(); ++x) {
            const auto& span = axis_.spans[x];
            const std::int32_t* weights = axis_.weights.data() + span.offset;
            int32x4_t sums[kRowsInCall] = {half(), half(), half(), half()};
            for (std::int64_t i = 0; i < span.count; ++i) {
                for (int r = 0; r < kRowsInCall; ++r) {
                    const int32x4_t pixel = four_bytes(rows[r] + kChannels * (span.first + i));
                    sums[r] = vmlaq_n_s32(sums[r], pixel, weights[i]);
                }
            }
            const uint8x16_t bytes = rounded(sums);
            std::uint8_t pixels[16];
            vst1q_u8(pixels, bytes);
            for (int r = 0; r < kRowsInCall; ++r) {
                std::memcpy(groups[r] + kChannels * static_cast<std::int64_t>(x), pixels + 4 * r, 4);
            }
        }
    }

  private:
    static int32x4_t four_bytes(const std::uint8_t* from) {
        std::uint32_t word = 0;
        std::memcpy(&word, from, 4);
        const uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(word)));
        return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide)));
    }

    const AxisWeights& axis_;
};

std::unique_ptr<HorizontalPass> horizontal(const AxisWeights& axis) { return std::make_unique<Horizontal>(axis); }

void pack(const std::int32_t* weights, std::int64_t count, std::int64_t, std::int64_t, std::int32_t* packed_weights) {
    std::copy_n(weights, count, packed_weights);
}

void vertical(const std::int32_t* packed_weights, const std::uint8_t* const* groups, std::int64_t count,
              std::int64_t samples, int, std::uint8_t* out) {
    neon::for_each_16(samples, out, [&](std::int64_t x, std::uint8_t* to) {
        int32x4_t sums[4] = {half(), half(), half(), half()};
        for (std::int64_t i = 0; i < count; ++i) {
            const uint8x16_t bytes = vld1q_u8(groups[i] + x);
            const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
            const uint16x4_t quarters[4] = {vget_low_u16(low), vget_high_u16(low), vget_low_u16(high),
                                            vget_high_u16(high)};
            for (int j = 0; j < 4; ++j) {
                sums[j] = vmlaq_n_s32(sums[j], vreinterpretq_s32_u32(vmovl_u16(quarters[j])), packed_weights[i]);
            }
        }
        vst1q_u8(to, rounded(sums));
    });
}

void interleave(const std::uint8_t* const* rows, std::int64_t samples, std::uint8_t* group) {
    std::copy_n(rows[0], samples, group);
}

void deinterleave(const std::uint8_t* group, std::int64_t samples, std::uint8_t* const* rows) {
    std::copy_n(group, samples, rows[0]);
}

bool supported() { return true; }

}  // namespace

const Kernel kNeonKernel = {
    .name = "neon",
    .supported = supported,
    .rows_in_group = 1,
    .rows_in_call = kRowsInCall,
    .bytes_per_column = 1,
    .weights = neon::weights,
    .wide = {kAnyWeight, 1, horizontal, pack, vertical},
    .narrow = {},
    .interleave = interleave,
    .deinterleave = deinterleave,
    .to_rgb = neon::to_rgb,
    .patchify_rows = neon::patchify_rows,
    .normalize = normalize_neon,
    .iota = iota_neon,
};

}  // namespace saccade

#endif
