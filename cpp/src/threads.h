// A small pool of threads that helps a call with its strips.
#pragma once

#include <cstdint>
#include <functional>

namespace saccade {

/// Threads that a call of this thread may use: what it asked for, else SACCADE_THREADS, else usable_cpus(). Throws
/// InputError where SACCADE_THREADS is not a number from 1 to 256.
int threads_allowed();

/// Limits the calls of this thread; 0: the process's limit again. Throws InputError unless it is from 0 to 256.
void limit_threads(std::int64_t threads);

/// Calls work(i) once for every i in [0, count), on this thread and up to threads - 1 helpers, and returns when all are
/// done. Throws what a work threw; then others may not have been called. Any thread may call it, also several at once
/// (one of them gets the helpers), also after a fork.
void share_work(int count, int threads, const std::function<void(int)>& work);

}  // namespace saccade
