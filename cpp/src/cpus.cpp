#include "cpus.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

namespace saccade {
namespace {

#if defined(__linux__)
/// Returns the quota in a cgroup v2 folder's cpu.max ("QUOTA PERIOD" or "max PERIOD") in CPUs; infinite if none.
double quota_v2(const std::string& folder) {
    std::ifstream file(folder + "/cpu.max");
    double quota = 0, period = 0;
    if (file >> quota >> period && quota > 0 && period > 0) return quota / period;
    return INFINITY;
}

/// Returns the quota of a cgroup v1 folder in CPUs; infinite if it is -1.
double quota_v1(const std::string& folder) {
    double quota = 0, period = 0;
    std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

/// Returns the lowest quota of a group and its ancestors. A container may see its own group as the root but read the
/// host's path of it; then only the root has a folder.
double lowest_quota(double (*quota_of)(const std::string&), const std::string& root, std::string group) {
    double lowest = quota_of(root);
    for (; group.starts_with('/'); group.resize(group.rfind('/'))) lowest = std::min(lowest, quota_of(root + group));
    return lowest;
}

/// Returns the lowest quota of this process's groups: the lines ID:CONTROLLERS:GROUP of /proc/self/cgroup.
double quota(const std::string& root) {
    const std::string v2 = root + "/sys/fs/cgroup", v1 = v2 + "/cpu";
    double lowest = std::min(quota_v2(v2), quota_v1(v1));
    std::ifstream groups(root + "/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        const auto first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        std::string controllers = ",";
        controllers.append(line, first + 1, second - first - 1).append(",");
        const std::string group = line.substr(second + 1);
        if (controllers == ",,") lowest = std::min(lowest, lowest_quota(quota_v2, v2, group));
        if (controllers.find(",cpu,") != std::string::npos)
            lowest = std::min(lowest, lowest_quota(quota_v1, v1, group));
    }
    return lowest;
}
#endif

}  // namespace

Affinity affinity_of_thread() {
    Affinity affinity;
#if defined(__linux__)
    if (sched_getaffinity(0, sizeof affinity.cpus, &affinity.cpus) == 0) {
        affinity.count = CPU_COUNT(&affinity.cpus);
        return affinity;
    }
    CPU_ZERO(&affinity.cpus);
#endif
    affinity.count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    return affinity;
}

int cpus_of_quota([[maybe_unused]] const std::string& root) {
    constexpr int no_limit = std::numeric_limits<int>::max();
#if defined(__linux__)
    if (const double limit = quota(root); limit < no_limit) return static_cast<int>(std::ceil(limit));
#endif
    return no_limit;
}

}  // namespace saccade
