// Cutting the work of a resize, or of several, into strips of rows.
#pragma once

#include <functional>
#include <vector>

#include "resample.h"

namespace saccade {

/// A planned resize, and what makes its output rows [first, end) of it. Threads may run strips of one at once.
struct StripJob {
    const Resampling* plan;
    std::int64_t unit;  // each strip begins at a multiple of it
    std::function<void(std::int64_t first, std::int64_t end, Workspace& workspace)> work;
};

/// Runs strips that together are all output rows of all jobs, on several threads where that is faster.
void run_strips(const std::vector<StripJob>& jobs);

}  // namespace saccade
