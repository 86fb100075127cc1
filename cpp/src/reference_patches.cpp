#include "reference_patches.h"

#include <cmath>
#include <cstring>

#include "patch_sink.h"

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

using Tables = std::array<NormalizedBytes, kChannels>;

class Planned {
  public:
    Planned(const Kernel& kernel, const PatchesRequest<float>& request, const Cut& cut, std::int64_t frames,
            const Tables& tables)
        : size_(request.size),
          cut_(cut),
          places_(size_, cut, 0),
          output_{tables.data(), cut.patch_size * cut.patch_size, frames, nullptr, request.patches},
          plan_(kernel, request.source, request.size, request.order) {}

    StripJob job() const {
        return {&plan_, cut_.patch_size, [this](std::int64_t first, std::int64_t end, Workspace& workspace) {
                    Normalized output = output_;
                    output.bytes = workspace.patches.get(kChannels * cut_.patch_size * size_.width + kGroupSlack);
                    PatchSink sink(plan_.kernel(), size_, cut_, places_, output, workspace.band);
                    plan_.strip(first, end, workspace, sink);
                }};
    }

  private:
    ImageSize size_;
    Cut cut_;
    PatchOrder places_;
    Normalized output_;
    Resampling plan_;
};

}  // namespace

void reference_patches(std::span<const PatchesRequest<float>> requests, const Cut& cut,
                       std::int64_t temporal_patch_size, const Normalization& normalization) {
    const Kernel& kernel = selected_kernel();
    for_each_image(requests.size(), [&](std::size_t i) { check_request(requests[i], cut, temporal_patch_size); });
    check_normalization(normalization);
    const auto& [mean, std] = normalization;
    const Tables tables{{{mean[0], std[0]}, {mean[1], std[1]}, {mean[2], std[2]}}};
    run_planned(requests.size(), [&](std::size_t i) {
        return std::make_unique<Planned>(kernel, requests[i], cut, temporal_patch_size, tables);
    });
}

}  // namespace saccade
