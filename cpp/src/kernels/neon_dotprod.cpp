// NEON with dot products of signed bytes (sdot), as CPUs since Arm v8.2 and Apple's M1 have.
#if defined(__aarch64__)

#include <algorithm>

#include "../image.h"
#include "neon.h"
#include "normalize.h"

#define SACCADE_DOT __attribute__((target("arch=armv8.2-a+dotprod")))
#define SACCADE_DOT_NAMESPACE dotprod

namespace saccade::dotprod {

constexpr std::uint32_t kBias = 128;

/// sdot takes signed samples: the exclusive or takes 128 from each, and pack() keeps 128 times the sum of the weights.
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
    .bytes_a_column = 4,
    .words_a_group = dotprod::kWords,
    .weights = neon::weights,
    .horizontal = dotprod::horizontal,
    .pack = dotprod::pack,
    .vertical = dotprod::vertical,
    .join = dotprod::join,
    .split = dotprod::split,
    .to_rgb = neon::to_rgb,
    .cut = neon::cut,
    .normalize = normalize_neon,
    .ramps = ramps_neon,
};

}  // namespace saccade

#endif
