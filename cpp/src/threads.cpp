#include "threads.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

#include "cpus.h"
#include "errors.h"

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif
#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace saccade {
namespace {

constexpr int kMostThreads = 256;

thread_local int limit_of_thread = 0;

long process_id() {
#if defined(__unix__) || defined(__APPLE__)
    return static_cast<long>(getpid());
#else
    return 0;
#endif
}

void pause() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

int threads_of_process() {
    static const int threads = [] {
        const char* told = std::getenv("SACCADE_THREADS");
        if (told == nullptr || *told == '\0') return std::min(usable_cpus(), kMostThreads);
        const char* const end = told + std::strlen(told);
        int number = 0;
        const auto [read, error] = std::from_chars(told, end, number);
        if (error != std::errc() || read != end || number < 1 || number > kMostThreads) {
            reject("SACCADE_THREADS is ", quoted(told), "; it must be a number from 1 to ", kMostThreads);
        }
        return number;
    }();
    return threads;
}

/// Helpers that sleep between calls. Items of work are claimed one by one, by helpers and the caller alike, so a call
/// never waits for a helper that has not begun: one that wakes late finds nothing left and sleeps again.
class Pool {
  public:
    Pool(int helpers, long process) : process_(process) {
        threads_.reserve(static_cast<std::size_t>(helpers));
        try {
            for (int i = 0; i < helpers; ++i) threads_.emplace_back([this] { help(); });
        } catch (const std::exception&) {
            // The system gives no more threads, or no memory for them: those there are have to do.
        }
#if defined(__linux__)
        // It fails where there are more CPUs than the set holds: then the helpers stay where the system puts them.
        if (sched_getaffinity(0, sizeof all_cpus_, &all_cpus_) != 0) CPU_ZERO(&all_cpus_);
#endif
    }

    long process() const { return process_; }

    /// False where another call has the helpers.
    bool run(int count, int helpers, const std::function<void(int)>& work) {
        if (busy_.exchange(true, std::memory_order_acquire)) return false;
        work_ = &work;
        count_done_.store(0, std::memory_order_relaxed);
        seats_.store(helpers, std::memory_order_relaxed);
        failed_.store(false, std::memory_order_relaxed);
        error_ = nullptr;
        const std::uint64_t call = (claims_.load(std::memory_order_relaxed) >> 32) + 1;
        keep_off_this_cpu();
        // The claims of a call: its number, how many items it has, how many are claimed. A helper that is late holds
        // an older number, and its exchange fails.
        claims_.store(call << 32 | static_cast<std::uint64_t>(count) << 16, std::memory_order_release);
        calls_.store(static_cast<std::uint32_t>(call), std::memory_order_release);
        calls_.notify_all();
        claim_all();
        for (int spin = 0; count_done_.load(std::memory_order_acquire) != count; ++spin) {
            if (spin < kSpins) {
                pause();
            } else {
                std::this_thread::yield();
            }
        }
        const std::exception_ptr error = error_;
        busy_.store(false, std::memory_order_release);
        if (error) std::rethrow_exception(error);
        return true;
    }

  private:
    static constexpr int kSpins = 2000;  // some 20 to 100 microseconds: longer than from one call to the next

    void help() {
        std::uint32_t seen = 0;
        for (;;) {
            for (int spin = 0; spin < kSpins && calls_.load(std::memory_order_acquire) == seen; ++spin) pause();
            calls_.wait(seen, std::memory_order_acquire);
            seen = calls_.load(std::memory_order_acquire);
            if (seats_.fetch_sub(1, std::memory_order_relaxed) > 0) claim_all();
        }
    }

    void claim_all() {
        std::uint64_t claims = claims_.load(std::memory_order_acquire);
        for (;;) {
            const int next = static_cast<int>(claims & 0xffff), count = static_cast<int>(claims >> 16 & 0xffff);
            if (next >= count) return;
            if (!claims_.compare_exchange_weak(claims, claims + 1, std::memory_order_acq_rel)) continue;
            // From here to the last line the call cannot end, and what it holds stays.
            if (!failed_.load(std::memory_order_relaxed)) perform(next);
            count_done_.fetch_add(1, std::memory_order_acq_rel);
            claims = claims_.load(std::memory_order_acquire);
        }
    }

    void perform(int item) noexcept {
        try {
            (*work_)(item);
        } catch (...) {
            if (!failed_.exchange(true, std::memory_order_acq_rel)) error_ = std::current_exception();
        }
    }

    /// A helper that sleeps tends to be woken on the CPU of the thread that wakes it, and then waits for that thread's
    /// time slice to end: milliseconds. So the helpers may run anywhere but there.
    void keep_off_this_cpu() {
#if defined(__linux__)
        const int cpu = sched_getcpu();
        if (cpu < 0 || cpu == avoided_cpu_) return;
        cpu_set_t others = all_cpus_;
        CPU_CLR(cpu, &others);
        if (CPU_COUNT(&others) == 0) return;
        avoided_cpu_ = cpu;
        for (auto& thread : threads_) pthread_setaffinity_np(thread.native_handle(), sizeof others, &others);
#endif
    }

    const long process_;
    std::vector<std::thread> threads_;
    std::atomic<bool> busy_{false};

    // Of the call that has the helpers.
    const std::function<void(int)>* work_ = nullptr;
    std::exception_ptr error_;
    std::atomic<int> seats_{0};  // helpers that may still join
    std::atomic<bool> failed_{false};
    std::atomic<int> count_done_{0};

    alignas(64) std::atomic<std::uint64_t> claims_{0};
    alignas(64) std::atomic<std::uint32_t> calls_{0};
#if defined(__linux__)
    cpu_set_t all_cpus_;
    int avoided_cpu_ = -1;
#endif
};

/// The pool of this process; null while another thread makes it, which would else leave the threads of one pool for
/// every caller that came first. A child of a fork has no threads but the one that forked, so it gets a new pool; the
/// old one is only memory there. No lock is held across a fork, because there is none.
Pool* pool() {
    static std::atomic<Pool*> current{nullptr};
    static std::atomic<long> maker{-1};  // the process in which a pool is made, or was
    const long process = process_id();
    Pool* const found = current.load(std::memory_order_acquire);
    if (found != nullptr && found->process() == process) return found;
    if (maker.exchange(process, std::memory_order_acq_rel) == process) return nullptr;
    try {
        // Never deleted: its threads end with the process.
        auto* const made = new Pool(threads_of_process() - 1, process);
        current.store(made, std::memory_order_release);
        return made;
    } catch (...) {
        maker.store(-1, std::memory_order_release);  // the next caller tries again
        throw;
    }
}

}  // namespace

int threads_allowed() {
    // Asked for even where the thread has a limit: a wrong SACCADE_THREADS is then an error in every call, or in none.
    const int of_process = threads_of_process();
    return limit_of_thread != 0 ? limit_of_thread : of_process;
}

void limit_threads(std::int64_t threads) {
    if (threads < 0 || threads > kMostThreads) reject("threads is ", threads, "; it must be from 0 to ", kMostThreads);
    limit_of_thread = static_cast<int>(threads);
}

void share_work(int count, int threads, const std::function<void(int)>& work) {
    if (threads > 1 && count > 1) {
        if (Pool* const helpers = pool(); helpers != nullptr && helpers->run(count, threads - 1, work)) return;
    }
    for (int i = 0; i < count; ++i) work(i);
}

}  // namespace saccade
