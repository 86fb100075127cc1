#include "reference_patches.h"

#include <cmath>
#include <cstring>

#include "patch_sink.h"
#include "strips.h"

#include "exact_float.h"

namespace saccade {
namespace {

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

/// Makes float patches (channel, frame, y, x) of uint8 ones (channel, y, x), a row of which waits in `bytes`.
struct Normalized {
    const NormalizedBytes* tables;  // one a channel
    std::int64_t area;              // values of a channel of a frame
    std::int64_t frames;
    std::uint8_t* bytes;
    float* patches;

    std::uint8_t* target(std::int64_t column, std::int64_t) const { return bytes + column * kChannels * area; }

    void filled(std::int64_t column, std::int64_t place) const {
        const std::uint8_t* from = target(column, place);
        float* to = patches + place * kChannels * frames * area;
        for (std::int64_t c = 0; c < kChannels; ++c, from += area) {
            const float* first = to;
            for (std::int64_t i = 0; i < area; ++i) *to++ = tables[c][from[i]];
            for (std::int64_t frame = 1; frame < frames; ++frame) to = std::copy_n(first, area, to);
        }
    }
};

}  // namespace

void reference_patches(const Image& source, const ImageSize& size, PassOrder order, const Cut& cut,
                       std::int64_t temporal_patch_size, const Normalization& normalization, float* patches,
                       std::int64_t capacity) {
    const Kernel& kernel = selected_kernel();
    check_resize(source, size, order);
    const PatchesShape shape = patches_shape(size.width, size.height, cut, temporal_patch_size);
    check_capacity(capacity, shape.patches * shape.values, "patches");
    check_normalization(normalization);
    const NormalizedBytes tables[kChannels] = {{normalization.mean[0], normalization.std[0]},
                                               {normalization.mean[1], normalization.std[1]},
                                               {normalization.mean[2], normalization.std[2]}};
    const PatchOrder places(size, cut, 0);
    const Resampling plan(kernel, source, size, order);
    const std::int64_t area = cut.patch_size * cut.patch_size;
    run_strips(plan, cut.patch_size, [&](std::int64_t first, std::int64_t end, Workspace& workspace) {
        std::uint8_t* bytes = workspace.patches.get(kChannels * cut.patch_size * size.width + kGroupSlack);
        const Normalized output{tables, area, temporal_patch_size, bytes, patches};
        PatchSink sink(kernel, size, cut, places, output, workspace.band);
        plan.strip(first, end, workspace, sink);
    });
}

}  // namespace saccade
