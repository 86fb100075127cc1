// Cutting the work of a resize into strips of rows.
#pragma once

#include "resample.h"

namespace saccade {

/// Calls work(first, end, workspace) for strips that together are all output rows. Each begins at a multiple of `unit`.
template <typename Work>
void run_strips(const Resampling& plan, std::int64_t, const Work& work) {
    Workspace& workspace = Workspace::of_thread();
    work(0, plan.size().height, workspace);
    workspace.trim();
    note_last_kernel(plan.kernel());
}

}  // namespace saccade
