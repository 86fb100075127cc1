// A small pool of threads that helps a call with its strips.
#pragma once

#include <cstdint>
#include <functional>

#include "cpus.h"

namespace saccade {

/// Throws InputError where SACCADE_THREADS is not a number from 1 to 256. Calls that need no threads ask too, so that a
/// wrong one is an error in every call, or in none.
void check_threads();

/// How many threads a call may use, and where they may run.
struct Threads {
    int count = 1;
    Affinity affinity;  // only where count is more than 1; to clear it would be felt in a small call
};

/// Those of a call of this thread: what it asked for, else SACCADE_THREADS, else the CPUs of its affinity, or fewer
/// where a cgroup's quota is less. Throws as check_threads.
Threads threads_allowed();

/// Limits the calls of this thread; 0: the process's limit again. Throws InputError unless it is from 0 to 256.
void limit_threads(std::int64_t threads);

/// Calls work(i) once for every i in [0, count), on this thread and up to threads.count - 1 helpers, and returns when
/// all are done. Throws what a work threw; then others may not have been called. Any thread may call it, also several
/// at once (one of them gets the helpers), also after a fork.
void share_work(int count, const Threads& threads, const std::function<void(int)>& work);

}  // namespace saccade
