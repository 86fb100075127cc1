// From an image's pixels to the uint8 patches of a vision tower, without the resized image in between.
#pragma once

#include "geometry.h"
#include "patchify.h"
#include "resample.h"

namespace saccade {

/// uint8 patches (channel, y, x) of the image resampled to `size`, in window order; window_size 0: in merge-block
/// order. The contract is in saccade.h.
void native_patches(const Image& source, const ImageSize& size, PassOrder order, const Cut& cut,
                    std::int64_t window_size, std::uint8_t* patches, std::int64_t capacity);

}  // namespace saccade
