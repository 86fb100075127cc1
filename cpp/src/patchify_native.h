// Native layout: uint8 patches for a vision tower, without a resized image in memory.
#pragma once

#include "batch.h"

namespace saccade {

/// Resizes each image and writes its uint8 patches (channel, y, x) in window order, or in merge-block order if
/// window_size is 0. The contract is in saccade.h.
void patchify_native(std::span<const PatchesRequest<std::uint8_t>> requests, const PatchSpec& spec,
                     std::int64_t window_size);

}  // namespace saccade
