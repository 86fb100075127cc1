#include "cpus.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace saccade {
namespace {

int cpus_of_affinity() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return static_cast<int>(std::thread::hardware_concurrency());
}

#if defined(__linux__)
/// CPUs' worth of time in a cgroup v2 folder's cpu.max, "QUOTA PERIOD" or "max PERIOD"; infinite without a limit.
double quota_of(const std::string& folder) {
    std::ifstream file(folder + "/cpu.max");
    double quota = 0, period = 0;
    if (file >> quota >> period && quota > 0 && period > 0) return quota / period;
    return INFINITY;
}

/// The same of a v1 hierarchy.
double quota_v1() {
    double quota = 0, period = 0;
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota;
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

/// The least of this process's cgroup and those above it.
double quota() {
    double least = std::min(quota_v1(), quota_of("/sys/fs/cgroup"));
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (line.rfind("0::", 0) != 0) continue;
        for (std::string path = line.substr(3); path.size() > 1; path.resize(path.rfind('/'))) {
            least = std::min(least, quota_of("/sys/fs/cgroup" + path));
            if (path.rfind('/') == std::string::npos) break;
        }
    }
    return least;
}
#endif

}  // namespace

int usable_cpus() {
    int cpus = std::max(1, cpus_of_affinity());
#if defined(__linux__)
    if (const double limit = quota(); limit < cpus) cpus = std::max(1, static_cast<int>(std::ceil(limit)));
#endif
    return cpus;
}

}  // namespace saccade
