// NEON with dot products of unsigned samples and signed weights (usdot), as CPUs since Arm v8.6 and Apple's M2 have.
#if defined(__aarch64__)

#include <algorithm>

#include "../image.h"
#include "neon.h"
#include "normalize.h"

#define SACCADE_DOT __attribute__((target("arch=armv8.2-a+i8mm")))
#define SACCADE_DOT_NAMESPACE i8mm

namespace saccade::i8mm {

constexpr std::uint32_t kBias = 0;

SACCADE_DOT __attribute__((always_inline)) inline int32x4_t dot(int32x4_t sum, uint8x16_t samples, int8x16_t weights) {
    return vusdotq_s32(sum, samples, weights);
}

}  // namespace saccade::i8mm

#include "neon_dot.h"

namespace saccade {

const Kernel kNeonI8mmKernel = {
    .name = "neon-i8mm",
    .supported = neon::has_i8mm,
    .rows_in_group = i8mm::kRowsInGroup,
    .rows_in_call = i8mm::kRowsInCall,
    .bytes_a_column = 4,
    .words_a_group = i8mm::kWords,
    .weights = neon::weights,
    .horizontal = i8mm::horizontal,
    .pack = i8mm::pack,
    .vertical = i8mm::vertical,
    .join = i8mm::join,
    .split = i8mm::split,
    .to_rgb = neon::to_rgb,
    .cut = neon::cut,
    .normalize = normalize_neon,
    .ramps = ramps_neon,
};

}  // namespace saccade

#endif
