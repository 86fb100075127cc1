// Strips of rows: the units of work that threads share.
#pragma once

#include <functional>
#include <vector>

#include "resample.h"

namespace saccade {

/// A planned resize, and a function that computes its output rows [first, end). Threads may run strips concurrently.
struct StripJob {
    const Resampling* plan;
    std::int64_t unit;  // strips begin at multiples of it
    std::function<void(std::int64_t first, std::int64_t end, Workspace& workspace)> work;
};

/// Computes all output rows of all jobs, on several threads if the work is large enough.
void run_strips(const std::vector<StripJob>& jobs);

}  // namespace saccade
