// The kernel for NEON with dot products of unsigned and signed bytes (usdot): Arm v8.6 and later, Apple M2.
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
    .bytes_per_column = 4,
    .weights = neon::weights,
    .wide = {kAnyWeight, i8mm::kPackedPerGroup<3>, i8mm::horizontal<3>, i8mm::pack<3>, i8mm::vertical<3>},
    .narrow = {kMaxTwoDigits, i8mm::kPackedPerGroup<2>, i8mm::horizontal<2>, i8mm::pack<2>, i8mm::vertical<2>},
    .interleave = i8mm::interleave,
    .deinterleave = i8mm::deinterleave,
    .to_rgb = neon::to_rgb,
    .patchify_rows = neon::patchify_rows,
    .normalize = normalize_neon,
    .iota = iota_neon,
};

}  // namespace saccade

#endif
