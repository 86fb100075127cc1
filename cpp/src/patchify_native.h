// From images' pixels to the uint8 patches of a vision tower, without the resized images in between.
#pragma once

#include "batch.h"

namespace saccade {

/// uint8 patches (channel, y, x) of each image resampled to its size, in window order; window_size 0: in merge-block
/// order. The contract is in saccade.h.
void native_patches(std::span<const PatchesRequest<std::uint8_t>> requests, const Cut& cut, std::int64_t window_size);

}  // namespace saccade
