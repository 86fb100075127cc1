// How many CPUs a call may use.
#pragma once

#include <string>

#if defined(__linux__)
#include <sched.h>
#endif

namespace saccade {

/// CPUs that a thread may run on.
struct Affinity {
    int count = 1;
#if defined(__linux__)
    cpu_set_t cpus;  // none where there are more CPUs than it holds
#endif
};

/// The calling thread's, as it is now. A system call.
Affinity affinity_of_thread();

/// CPUs' worth of time that the cgroups of this process leave it, rounded up, at least 1; the largest int without a
/// limit. Files are read below `root`, where /proc and /sys are.
int cpus_of_quota(const std::string& root = "");

}  // namespace saccade
