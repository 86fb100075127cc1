// A whole image resized into packed RGB.
#pragma once

#include <cstdint>

#include "resample.h"

namespace saccade {

/// Resamples `source` into `target`, packed RGB. The contract is in saccade.h.
void resize(const Image& source, const ImageSize& size, PassOrder order, std::uint8_t* target, std::int64_t capacity);

}  // namespace saccade
