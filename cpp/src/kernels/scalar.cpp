// The scalar kernel, the oracle of all others. A group is one row. It has one arithmetic: torchvision's weights are
// widened to kWeightBits.
#include <algorithm>

#include "../image.h"
#include "kernel.h"

namespace saccade {
namespace {

constexpr std::uint32_t kHalf = std::uint32_t{1} << (kWeightBits - 1);

/// Rounds a sum to a byte. Sums are modulo 2^32. The magnitudes of a sample's weights add up to less than 1.4, so a sum
/// stays below 255 x 1.4 x 2^22 < 2^31. Only beyond 2^22 input samples per output, where weights round to 0 or 1, could
/// it wrap, and then identically in all kernels.
std::uint8_t to_byte(std::uint32_t sum) {
    return static_cast<std::uint8_t>(std::clamp(static_cast<std::int32_t>(sum) >> kWeightBits, 0, 255));
}

std::uint32_t product(std::int32_t weight, std::uint8_t sample) {
    return static_cast<std::uint32_t>(weight) * std::uint32_t{sample};
}

class Horizontal final : public HorizontalPass {
  public:
    explicit Horizontal(const AxisWeights& axis) : axis_(axis) {}

    void run(const std::uint8_t* const* rows, std::uint8_t* const* groups, std::int64_t) const override {
        std::uint8_t* target = groups[0];
        for (const auto& span : axis_.spans) {
            const std::uint8_t* sample = rows[0] + kChannels * span.first;
            const std::int32_t* weight = axis_.weights.data() + span.offset;
            std::uint32_t red = kHalf, green = kHalf, blue = kHalf;
            for (std::int64_t i = 0; i < span.count; ++i, sample += kChannels) {
                red += product(weight[i], sample[0]);
                green += product(weight[i], sample[1]);
                blue += product(weight[i], sample[2]);
            }
            *target++ = to_byte(red);
            *target++ = to_byte(green);
            *target++ = to_byte(blue);
        }
    }

  private:
    const AxisWeights& axis_;
};

std::unique_ptr<HorizontalPass> horizontal(const AxisWeights& axis) { return std::make_unique<Horizontal>(axis); }

void pack(const std::int32_t* weights, std::int64_t count, std::int64_t, std::int64_t, std::int32_t* packed_weights) {
    std::copy_n(weights, count, packed_weights);
}

void vertical(const std::int32_t* packed_weights, const std::uint8_t* const* groups, std::int64_t count,
              std::int64_t samples, int, std::uint8_t* out) {
    // In blocks of columns: samples are read in order, and the sums stay in the L1 cache.
    constexpr std::int64_t block = 256;
    std::uint32_t sums[block];
    for (std::int64_t start = 0; start < samples; start += block) {
        const std::int64_t width = std::min(block, samples - start);
        std::fill_n(sums, width, kHalf);
        for (std::int64_t i = 0; i < count; ++i) {
            const std::uint8_t* row = groups[i] + start;
            for (std::int64_t x = 0; x < width; ++x) sums[x] += product(packed_weights[i], row[x]);
        }
        std::transform(sums, sums + width, out + start, to_byte);
    }
}

void interleave(const std::uint8_t* const* rows, std::int64_t samples, std::uint8_t* group) {
    std::copy_n(rows[0], samples, group);
}

void deinterleave(const std::uint8_t* group, std::int64_t samples, std::uint8_t* const* rows) {
    std::copy_n(group, samples, rows[0]);
}

void to_rgb(const std::uint8_t* row, PixelFormat format, std::int64_t width, std::uint8_t* out) {
    to_rgb_plain(row, format, 0, width, out);
}

bool always() { return true; }

}  // namespace

void to_rgb_plain(const std::uint8_t* row, PixelFormat format, std::int64_t first, std::int64_t width,
                  std::uint8_t* out) {
    const std::int64_t step = bytes_per_pixel(format);
    const int red = format == PixelFormat::kBgra ? 2 : 0, green = format == PixelFormat::kGrey ? 0 : 1;
    const int blue = format == PixelFormat::kRgb || format == PixelFormat::kRgba ? 2 : 0;
    for (std::int64_t x = first; x < width; ++x) {
        const std::uint8_t* pixel = row + step * x;
        out[kChannels * x] = pixel[red];
        out[kChannels * x + 1] = pixel[green];
        out[kChannels * x + 2] = pixel[blue];
    }
}

void patchify_rows_plain(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count,
                         std::uint8_t* const* patches) {
    const std::int64_t area = patch_size * patch_size;
    for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t y = 0; y < patch_size; ++y) {
            const std::uint8_t* pixel = rows[y] + i * kChannels * patch_size;
            std::uint8_t* out = patches[i] + y * patch_size;
            for (std::int64_t x = 0; x < patch_size; ++x, pixel += kChannels, ++out) {
                for (std::int64_t c = 0; c < kChannels; ++c) out[c * area] = pixel[c];
            }
        }
    }
}

const Kernel kScalarKernel = {
    .name = "scalar",
    .supported = always,
    .rows_in_group = 1,
    .rows_in_call = 1,
    .bytes_per_column = 1,
    .weights = bicubic_weights,
    .wide = {kAnyWeight, 1, horizontal, pack, vertical},
    .narrow = {},
    .interleave = interleave,
    .deinterleave = deinterleave,
    .to_rgb = to_rgb,
    .patchify_rows = patchify_rows_plain,
    .normalize = nullptr,
    .iota = iota_plain,
};

}  // namespace saccade
