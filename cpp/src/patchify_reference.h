// From images' pixels to the normalized patches of transformers, without the resized images in between.
#pragma once

#include <array>

#include "batch.h"

namespace saccade {

/// float32 mean and deviation of each channel.
struct Normalization {
    std::array<double, kChannels> mean;
    std::array<double, kChannels> std;
};

/// float32 patches (channel, frame, y, x) of each image resampled to its size, in merge-block order, as transformers'
/// Pillow image processor. The contract is in saccade.h.
void reference_patches(std::span<const PatchesRequest<float>> requests, const Cut& cut,
                       std::int64_t temporal_patch_size, const Normalization& normalization);

}  // namespace saccade
