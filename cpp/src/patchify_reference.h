// Reference layout: transformers' normalized float32 patches, without a resized image in memory.
#pragma once

#include <array>

#include "batch.h"

namespace saccade {

/// The mean and standard deviation of each channel, rounded to float32 before use.
struct Normalization {
    std::array<double, kChannels> mean;
    std::array<double, kChannels> std;
};

/// Resizes each image and writes its float32 patches (channel, frame, y, x) in merge-block order. The contract is in
/// saccade.h.
void patchify_reference(std::span<const PatchesRequest<float>> requests, const PatchSpec& spec,
                        std::int64_t temporal_patch_size, const Normalization& normalization);

}  // namespace saccade
