// Cutting the work of a resize into strips of rows.
#pragma once

#include <functional>

#include "resample.h"

namespace saccade {

/// Calls work(first, end, workspace) for strips that together are all output rows, on several threads where that is
/// faster. Each strip begins at a multiple of `unit`.
void run_strips(const Resampling& plan, std::int64_t unit,
                const std::function<void(std::int64_t, std::int64_t, Workspace&)>& work);

}  // namespace saccade
