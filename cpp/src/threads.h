// A pool of helper threads for the strips of a call.
#pragma once

#include <cstdint>
#include <functional>

#include "cpus.h"

namespace saccade {

/// Throws InputError unless SACCADE_THREADS is unset or 1 to 256. Calls that need no threads check too, so that a wrong
/// value is an error in every call.
void check_threads();

/// The number of threads that a call may use, and the CPUs on which they may run.
struct Threads {
    int count = 1;
    Affinity affinity;  // set only if count > 1, because clearing it is slow for a small call
};

/// Returns the threads of a call by this thread: its limit, else SACCADE_THREADS, else the CPUs of its affinity, or
/// fewer if a cgroup's quota is lower. Throws as check_threads.
Threads threads_allowed();

/// Limits the calls of this thread; 0 restores the process's limit. Throws InputError unless it is 0 to 256.
void limit_threads(std::int64_t threads);

/// Calls work(i) once for every i in [0, count), on this thread and up to threads.count - 1 helpers. Returns when all
/// are done. Rethrows the first exception of a work(i); the rest may then not run. Callable from any thread, from
/// several at once (one of them gets the helpers), and after a fork.
void share_work(int count, const Threads& threads, const std::function<void(int)>& work);

}  // namespace saccade
