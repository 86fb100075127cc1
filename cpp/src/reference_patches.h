// From an image's pixels to the normalised patches of transformers, without the resized image in between.
#pragma once

#include <array>

#include "patchify.h"
#include "resample.h"

namespace saccade {

/// float32 mean and deviation of each channel.
struct Normalization {
    std::array<double, kChannels> mean;
    std::array<double, kChannels> std;
};

/// float32 patches (channel, frame, y, x) of the image resampled to `size`, in merge-block order, as transformers'
/// Pillow image processor. The contract is in saccade.h.
void reference_patches(const Image& source, const ImageSize& size, PassOrder order, const Cut& cut,
                       std::int64_t temporal_patch_size, const Normalization& normalization, float* patches,
                       std::int64_t capacity);

}  // namespace saccade
