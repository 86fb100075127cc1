#include "patchify_reference.h"

#include <cmath>
#include <cstring>
#include <optional>

#include "patch_sink.h"

#include "exact_float.h"

namespace saccade {
namespace {

/// Returns the constants of a channel. transformers' torchvision backend fuses the division by 255 into them.
ChannelNormalization channel_normalization(double mean, double std, Backend backend) {
    const bool fused = backend == Backend::kTorchvision;
    const float scale = fused ? 255.0F : 1.0F;
    return {static_cast<float>(mean) * scale, static_cast<float>(std) * scale, fused};
}

/// The normalization of a channel's bytes. Order and precision are those of transformers' rescale (float64, rounded to
/// float32; nothing if fused) and normalize (float32). The kernel's form is used only if it returns the same bits for
/// all 256 bytes.
class ChannelNormalizer {
  public:
    ChannelNormalizer(const Kernel& kernel, const ChannelNormalization& constants)
        : constants_(constants), compute_(kernel.normalize) {
        constexpr double scale = 1.0 / 255.0;
        std::array<std::uint8_t, 256> bytes;
        for (std::size_t value = 0; value < bytes.size(); ++value) {
            const auto byte = static_cast<double>(value);
            const auto rescaled = static_cast<float>(constants.fused ? byte : byte * scale);
            table_[value] = (rescaled - constants.mean) / constants.std;
            bytes[value] = static_cast<std::uint8_t>(value);
        }
        if (compute_ == nullptr) return;
        std::array<float, 256> computed;
        compute_(constants_, bytes.data(), std::ssize(bytes), computed.data());
        if (std::memcmp(computed.data(), table_.data(), sizeof table_) != 0) compute_ = nullptr;
    }

    void run(const std::uint8_t* bytes, std::int64_t count, float* out) const {
        if (compute_ != nullptr) return compute_(constants_, bytes, count, out);
        for (std::int64_t i = 0; i < count; ++i) out[i] = table_[bytes[i]];
    }

  private:
    ChannelNormalization constants_;
    decltype(Kernel::normalize) compute_;
    std::array<float, 256> table_;
};

/// Throws InputError unless the values, as the backend uses them, are usable in float32.
void check_normalization(const Normalization& n, Backend backend) {
    for (std::size_t c = 0; c < kChannels; ++c) {
        const ChannelNormalization constants = channel_normalization(n.mean[c], n.std[c], backend);
        const char* times = constants.fused ? ", also times 255" : "";
        if (!std::isfinite(constants.mean)) {
            reject("mean[", c, "]: expected a finite float32", times, "; got ", n.mean[c]);
        }
        if (!std::isfinite(constants.std) || constants.std == 0.0F) {
            reject("std[", c, "]: expected a finite float32 other than 0", times, "; got ", n.std[c]);
        }
    }
}

/// An output of PatchSink that turns uint8 patches (channel, y, x) into float patches (channel, frame, y, x).
struct ReferenceOutput {
    const ChannelNormalizer* channels;
    std::int64_t area;  // values per channel and frame
    std::int64_t frames;
    std::uint8_t* bytes;  // a row of uint8 patches
    float* patch;         // one patch in the L1 cache, then copied to `patches` in one piece
    float* patches;

    std::uint8_t* target(std::int64_t column, std::int64_t) const { return bytes + column * kChannels * area; }

    void filled(std::int64_t column, std::int64_t index) const {
        const std::uint8_t* from = target(column, index);
        float* to = patch;
        for (std::int64_t c = 0; c < kChannels; ++c, from += area) {
            const float* first = to;
            channels[c].run(from, area, to);
            to += area;
            for (std::int64_t frame = 1; frame < frames; ++frame) to = std::copy_n(first, area, to);
        }
        std::copy(patch, to, patches + index * (to - patch));
    }
};

using Channels = std::array<ChannelNormalizer, kChannels>;

Channels make_channels(const Kernel& kernel, const Normalization& n, Backend backend) {
    const auto channel = [&](std::size_t c) {
        return ChannelNormalizer(kernel, channel_normalization(n.mean[c], n.std[c], backend));
    };
    return {channel(0), channel(1), channel(2)};
}

/// A planned image.
class ReferencePlan {
  public:
    ReferencePlan(const Kernel& kernel, const PatchesRequest<float>& request, const PatchSpec& spec,
                  std::int64_t frames, const Channels& channels)
        : size_(request.size),
          spec_(spec),
          order_(size_, spec, 0),
          output_{channels.data(), spec.patch_size * spec.patch_size, frames, nullptr, nullptr, request.patches},
          plan_(kernel, request.source, request.size, request.backend) {}

    StripJob job() const {
        return {&plan_, spec_.patch_size, [this](std::int64_t first, std::int64_t end, Workspace& workspace) {
                    ReferenceOutput output = output_;
                    output.bytes = workspace.patches.get(kChannels * spec_.patch_size * size_.width + kGroupSlack);
                    const std::int64_t floats = kChannels * output.frames * output.area;
                    output.patch = reinterpret_cast<float*>(workspace.floats.get(floats * std::int64_t{sizeof(float)}));
                    PatchSink sink(plan_.kernel(), size_, spec_, order_, output, workspace.band);
                    plan_.strip(first, end, workspace, sink);
                }};
    }

  private:
    ImageSize size_;
    PatchSpec spec_;
    PatchOrder order_;
    ReferenceOutput output_;
    Resampling plan_;
};

}  // namespace

void patchify_reference(std::span<const PatchesRequest<float>> requests, const PatchSpec& spec,
                        std::int64_t temporal_patch_size, const Normalization& normalization) {
    const Kernel& kernel = selected_kernel();
    for_each_image(requests.size(), [&](std::size_t i) { check_request(requests[i], spec, temporal_patch_size); });
    std::optional<Channels> pillow, torchvision;  // one per kind of backend in the batch
    const auto channels = [&](Backend backend) -> std::optional<Channels>& {
        return backend == Backend::kTorchvision ? torchvision : pillow;
    };
    for (const auto& request : requests) {
        if (channels(request.backend)) continue;
        check_normalization(normalization, request.backend);
        channels(request.backend) = make_channels(kernel, normalization, request.backend);
    }
    run_planned(requests.size(), [&](std::size_t i) {
        return std::make_unique<ReferencePlan>(kernel, requests[i], spec, temporal_patch_size,
                                               *channels(requests[i].backend));
    });
}

}  // namespace saccade
