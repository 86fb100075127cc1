// Pillow's BICUBIC resize of an RGB image.
#pragma once

#include <cstdint>

#include "image.h"

namespace saccade {

enum class PassOrder : std::int32_t {
    kHorizontal = SACCADE_PASS_ORDER_HORIZONTAL,
    kPillow13 = SACCADE_PASS_ORDER_PILLOW13,
};

/// Resamples `source` into `target`, packed RGB of width x height. The contract is in saccade.h.
void resize(const Image& source, std::int64_t width, std::int64_t height, PassOrder order, std::uint8_t* target,
            std::int64_t capacity);

}  // namespace saccade
