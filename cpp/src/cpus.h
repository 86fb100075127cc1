// How many CPUs this process may use.
#pragma once

namespace saccade {

/// CPUs of the process's affinity, or fewer where a cgroup's quota gives it less time; at least 1.
int usable_cpus();

}  // namespace saccade
