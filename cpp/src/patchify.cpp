#include "patchify.h"

#include <algorithm>
#include <cmath>

#include "exact_float.h"

namespace saccade {
namespace {

/// Checks the arguments and that the output has room.
void check_cut(const Image& image, const Cut& cut, std::int64_t frames, std::int64_t capacity) {
    check_image(image, "image");
    const auto [patches, values] = patches_shape(image.width, image.height, cut, frames);
    check_capacity(capacity, patches * values, "patches");
}

/// Calls visit(top left pixel) for every patch, in raster order of tokens and, inside a token, of patches: merge-block
/// order.
template <typename Visit>
void for_each_patch(const Image& image, const Cut& cut, Visit visit) {
    const std::int64_t p = cut.patch_size, m = cut.merge_size;
    for (std::int64_t row = 0; row < image.height / (p * m); ++row) {
        for (std::int64_t column = 0; column < image.width / (p * m); ++column) {
            for (std::int64_t r = 0; r < m; ++r) {
                for (std::int64_t c = 0; c < m; ++c) {
                    visit(image.row((row * m + r) * p) + kChannels * (column * m + c) * p);
                }
            }
        }
    }
}

/// What each byte becomes. The order of the operations and their precision are those of transformers' rescale
/// (float64, then rounded to float32) and normalize (float32).
class NormalizedBytes {
  public:
    NormalizedBytes(double mean, double std) {
        constexpr double scale = 1.0 / 255.0;
        for (int value = 0; value < 256; ++value) {
            const auto rescaled = static_cast<float>(value * scale);
            table_[static_cast<std::size_t>(value)] = (rescaled - static_cast<float>(mean)) / static_cast<float>(std);
        }
    }
    float operator[](std::uint8_t value) const { return table_[value]; }

  private:
    std::array<float, 256> table_;
};

void check_normalization(const Normalization& n) {
    for (std::size_t c = 0; c < kChannels; ++c) {
        const auto mean = static_cast<float>(n.mean[c]), std = static_cast<float>(n.std[c]);
        if (!std::isfinite(mean)) reject("mean[", c, "] is ", n.mean[c], "; it must be finite in float32");
        if (!std::isfinite(std) || std == 0.0F) {
            reject("std[", c, "] is ", n.std[c], "; it must be finite and not 0 in float32");
        }
    }
}

}  // namespace

PatchesShape patches_shape(std::int64_t width, std::int64_t height, const Cut& cut, std::int64_t frames) {
    check_side(width, "width");
    check_side(height, "height");
    check_side(cut.patch_size, "patch_size");
    check_side(cut.merge_size, "merge_size");
    check_side(frames, "temporal_patch_size");
    const std::int64_t factor = cut.patch_size * cut.merge_size;
    if (width % factor != 0 || height % factor != 0) {
        reject("image is ", width, "x", height, "; its sides must be multiples of patch_size ", cut.patch_size,
               " x merge_size ", cut.merge_size, " = ", factor, "; resize it first");
    }
    const std::int64_t values = checked_multiply(kChannels * cut.patch_size * cut.patch_size, frames, "patches");
    const std::int64_t patches = height / cut.patch_size * (width / cut.patch_size);
    checked_multiply(values, patches, "patches");
    return {patches, values};
}

void patchify_reference(const Image& image, const Cut& cut, std::int64_t temporal_patch_size,
                        const Normalization& normalization, float* patches, std::int64_t capacity) {
    check_cut(image, cut, temporal_patch_size, capacity);
    check_normalization(normalization);
    const NormalizedBytes normalized[kChannels] = {{normalization.mean[0], normalization.std[0]},
                                                   {normalization.mean[1], normalization.std[1]},
                                                   {normalization.mean[2], normalization.std[2]}};
    const std::int64_t p = cut.patch_size;
    for_each_patch(image, cut, [&](const std::uint8_t* pixels) {
        for (std::int64_t c = 0; c < kChannels; ++c) {
            for (std::int64_t frame = 0; frame < temporal_patch_size; ++frame) {
                for (std::int64_t y = 0; y < p; ++y) {
                    const std::uint8_t* row = pixels + y * image.stride;
                    for (std::int64_t x = 0; x < p; ++x) *patches++ = normalized[c][row[kChannels * x + c]];
                }
            }
        }
    });
}

}  // namespace saccade
