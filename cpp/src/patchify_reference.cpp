#include "patchify_reference.h"

#include <cmath>
#include <cstring>

#include "patch_sink.h"

#include "exact_float.h"

namespace saccade {
namespace {

/// What each byte of a channel becomes. The order of the operations and their precision are those of transformers'
/// rescale (float64, then rounded to float32) and normalize (float32). The kernel computes it where that gives the same
/// bits for every byte.
class NormalizedBytes {
  public:
    NormalizedBytes(const Kernel& kernel, double mean, double std)
        : mean_(static_cast<float>(mean)), std_(static_cast<float>(std)), compute_(kernel.normalize) {
        constexpr double scale = 1.0 / 255.0;
        std::array<std::uint8_t, 256> bytes;
        for (std::size_t value = 0; value < bytes.size(); ++value) {
            const auto rescaled = static_cast<float>(static_cast<double>(value) * scale);
            table_[value] = (rescaled - mean_) / std_;
            bytes[value] = static_cast<std::uint8_t>(value);
        }
        if (compute_ == nullptr) return;
        std::array<float, 256> computed;
        compute_(mean_, std_, bytes.data(), std::ssize(bytes), computed.data());
        if (std::memcmp(computed.data(), table_.data(), sizeof table_) != 0) compute_ = nullptr;
    }

    void of(const std::uint8_t* bytes, std::int64_t count, float* out) const {
        if (compute_ != nullptr) return compute_(mean_, std_, bytes, count, out);
        for (std::int64_t i = 0; i < count; ++i) out[i] = table_[bytes[i]];
    }

  private:
    float mean_, std_;
    decltype(Kernel::normalize) compute_;
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
    const NormalizedBytes* channels;
    std::int64_t area;  // values of a channel of a frame
    std::int64_t frames;
    std::uint8_t* bytes;
    float* made;  // a patch in the nearest cache: its memory is then written in one go, which is faster
    float* patches;

    std::uint8_t* target(std::int64_t column, std::int64_t) const { return bytes + column * kChannels * area; }

    void filled(std::int64_t column, std::int64_t place) const {
        const std::uint8_t* from = target(column, place);
        float* to = made;
        for (std::int64_t c = 0; c < kChannels; ++c, from += area) {
            const float* first = to;
            channels[c].of(from, area, to);
            to += area;
            for (std::int64_t frame = 1; frame < frames; ++frame) to = std::copy_n(first, area, to);
        }
        std::copy(made, to, patches + place * (to - made));
    }
};

using Channels = std::array<NormalizedBytes, kChannels>;

class Planned {
  public:
    Planned(const Kernel& kernel, const PatchesRequest<float>& request, const Cut& cut, std::int64_t frames,
            const Channels& channels)
        : size_(request.size),
          cut_(cut),
          places_(size_, cut, 0),
          output_{channels.data(), cut.patch_size * cut.patch_size, frames, nullptr, nullptr, request.patches},
          plan_(kernel, request.source, request.size, request.order) {}

    StripJob job() const {
        return {&plan_, cut_.patch_size, [this](std::int64_t first, std::int64_t end, Workspace& workspace) {
                    Normalized output = output_;
                    output.bytes = workspace.patches.get(kChannels * cut_.patch_size * size_.width + kGroupSlack);
                    const std::int64_t floats = kChannels * output.frames * output.area;
                    output.made = reinterpret_cast<float*>(workspace.floats.get(floats * std::int64_t{sizeof(float)}));
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
    const Channels channels{{{kernel, mean[0], std[0]}, {kernel, mean[1], std[1]}, {kernel, mean[2], std[2]}}};
    run_planned(requests.size(), [&](std::size_t i) {
        return std::make_unique<Planned>(kernel, requests[i], cut, temporal_patch_size, channels);
    });
}

}  // namespace saccade
