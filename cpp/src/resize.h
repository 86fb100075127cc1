// Resize of a whole image.
#pragma once

#include <cstdint>

#include "resample.h"

namespace saccade {

/// Resizes `source` into packed RGB of `capacity` bytes. The contract is in saccade.h.
void resize(const Image& source, const ImageSize& size, Backend backend, std::uint8_t* target, std::int64_t capacity);

}  // namespace saccade
