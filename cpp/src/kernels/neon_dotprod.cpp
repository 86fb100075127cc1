// The kernel for NEON with dot products of signed bytes (sdot): Arm v8.2 and later, Apple M1.
#if defined(__aarch64__)

#include <algorithm>

#include "../image.h"
#include "neon.h"
#include "normalize.h"

#define SACCADE_DOT __attribute__((target("arch=armv8.2-a+dotprod")))
#define SACCADE_DOT_NAMESPACE dotprod

namespace saccade::dotprod {

constexpr std::uint32_t kBias = 128;

/// Adds dot products. sdot needs signed samples: the xor subtracts 128, and pack() stores 128 times the sum of weights.
SACCADE_DOT __attribute__((always_inline)) inline int32x4_t dot(int32x4_t sum, uint8x16_t samples, int8x16_t weights) {
    return vdotq_s32(sum, vreinterpretq_s8_u8(veorq_u8(samples, vdupq_n_u8(128))), weights);
}

}  // namespace saccade::dotprod

#include "neon_dot.h"

namespace saccade {

const Kernel kNeonDotprodKernel = {
    .name = "neon-dotprod",
    .supported = neon::has_dotprod,
    .rows_in_group = dotprod::kRowsInGroup,
    .rows_in_call = dotprod::kRowsInCall,
    .bytes_per_column = 4,
    .weights = neon::weights,
    .wide = {kAnyWeight, dotprod::kPackedPerGroup<3>, dotprod::horizontal<3>, dotprod::pack<3>, dotprod::vertical<3>},
    .narrow = {kMaxTwoDigits, dotprod::kPackedPerGroup<2>, dotprod::horizontal<2>, dotprod::pack<2>,
               dotprod::vertical<2>},
    .interleave = dotprod::interleave,
    .deinterleave = dotprod::deinterleave,
    .to_rgb = neon::to_rgb,
    .patchify_rows = neon::patchify_rows,
    .normalize = normalize_neon,
    .iota = iota_neon,
};

}  // namespace saccade

#endif
