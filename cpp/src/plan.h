// Model families, and the plan of an image within a budget of visual tokens.
#pragma once

#include <cstdint>

#include "saccade.h"

namespace saccade {

/// Returns the constants of a family. Throws InputError if `name` is unknown.
const saccade_family& family_named(const char* name);

/// Returns the plan of an image. The contract is in saccade.h.
saccade_plan plan_image(std::int64_t source_width, std::int64_t source_height, const saccade_family& family,
                        std::int64_t min_tokens, std::int64_t max_tokens);

}  // namespace saccade
