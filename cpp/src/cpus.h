// The number of CPUs that a call may use.
#pragma once

#include <string>

#if defined(__linux__)
#include <sched.h>
#endif

namespace saccade {

/// The CPUs on which a thread may run.
struct Affinity {
    int count = 1;
#if defined(__linux__)
    cpu_set_t cpus;  // empty if the machine has more CPUs than a cpu_set_t holds
#endif
};

/// Returns the calling thread's current affinity. Makes a system call.
Affinity affinity_of_thread();

/// Returns the CPU quota of this process's cgroups in CPUs, rounded up, at least 1; the largest int without a quota.
/// `root` is the folder with /proc and /sys.
int cpus_of_quota(const std::string& root = "");

}  // namespace saccade
