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

// What is read once is kept in atomics, and read twice where two threads come first. A static that is not constant
// would be a lock, and a child of a fork in that moment would find it held for ever.

/// SACCADE_THREADS; 0 where it is not set.
int threads_told() {
    constexpr int not_read = -1;
    constinit static std::atomic<int> kept{not_read};
    if (const int threads = kept.load(std::memory_order_relaxed); threads != not_read) return threads;
    int number = 0;
    if (const char* told = std::getenv("SACCADE_THREADS"); told != nullptr && *told != '\0') {
        const char* const end = told + std::strlen(told);
        const auto [read, error] = std::from_chars(told, end, number);
        if (error != std::errc() || read != end || number < 1 || number > kMostThreads) {
            reject("SACCADE_THREADS is ", quoted(told), "; it must be a number from 1 to ", kMostThreads);
        }
    }
    kept.store(number, std::memory_order_relaxed);
    return number;
}

/// Threads of a call whose thread has no limit and this affinity. The affinity is read in every call, because it may
/// change, and be another in the child of a fork; the quota is the process's, and read once.
int threads_of_process(const Affinity& affinity) {
    if (const int told = threads_told(); told != 0) return told;
    constinit static std::atomic<int> kept{0};
    int quota = kept.load(std::memory_order_relaxed);
    if (quota == 0) kept.store(quota = cpus_of_quota(), std::memory_order_relaxed);
    return std::min({affinity.count, quota, kMostThreads});
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
    }

    long process() const { return process_; }

    /// False where another call has the helpers.
    bool run(int count, const Threads& threads, const std::function<void(int)>& work) {
        if (busy_.exchange(true, std::memory_order_acquire)) return false;
        work_ = &work;
        count_done_.store(0, std::memory_order_relaxed);
        seats_.store(threads.count - 1, std::memory_order_relaxed);
        failed_.store(false, std::memory_order_relaxed);
        error_ = nullptr;
        const std::uint64_t call = (claims_.load(std::memory_order_relaxed) >> 32) + 1;
        place_helpers(threads.affinity);
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
    /// time slice to end: milliseconds. So the helpers may run where the caller may, but there only if it has no other.
    void place_helpers([[maybe_unused]] const Affinity& affinity) {
#if defined(__linux__)
        cpu_set_t cpus = affinity.cpus;
        if (const int cpu = sched_getcpu(); cpu >= 0 && affinity.count > 1) CPU_CLR(cpu, &cpus);
        if (CPU_EQUAL(&cpus, &cpus_) || CPU_COUNT(&cpus) == 0) return;
        cpus_ = cpus;
        for (auto& thread : threads_) pthread_setaffinity_np(thread.native_handle(), sizeof cpus, &cpus);
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
    cpu_set_t cpus_{};  // where the helpers were last told to run
#endif
};

/// The pool of this process; null where it would have no helpers, and while another thread makes it, which would else
/// leave the threads of one pool for every caller that came first. A child of a fork has no threads but the one that
/// forked, so it gets a new pool; the old one is only memory there. No lock is held across a fork, because there is
/// none.
Pool* pool(const Affinity& affinity) {
    constinit static std::atomic<Pool*> current{nullptr};
    constinit static std::atomic<long> maker{-1};  // the process in which a pool is made, or was
    const long process = process_id();
    Pool* const found = current.load(std::memory_order_acquire);
    if (found != nullptr && found->process() == process) return found;
    const int helpers = threads_of_process(affinity) - 1;
    if (helpers == 0 || maker.exchange(process, std::memory_order_acq_rel) == process) return nullptr;
    try {
        // Never deleted: its threads end with the process.
        auto* const made = new Pool(helpers, process);
        current.store(made, std::memory_order_release);
        return made;
    } catch (...) {
        maker.store(-1, std::memory_order_release);  // the next caller tries again
        throw;
    }
}

}  // namespace

void check_threads() { threads_told(); }

Threads threads_allowed() {
    const int told = threads_told(), limit = limit_of_thread;
    if (limit == 1 || (limit == 0 && told == 1)) return {};
    const Affinity affinity = affinity_of_thread();
    return {limit != 0 ? limit : threads_of_process(affinity), affinity};
}

void limit_threads(std::int64_t threads) {
    if (threads < 0 || threads > kMostThreads) reject("threads is ", threads, "; it must be from 0 to ", kMostThreads);
    limit_of_thread = static_cast<int>(threads);
}

void share_work(int count, const Threads& threads, const std::function<void(int)>& work) {
    Pool* const helpers = threads.count > 1 && count > 1 ? pool(threads.affinity) : nullptr;
    if (helpers != nullptr && helpers->run(count, threads, work)) return;
    for (int i = 0; i < count; ++i) work(i);
}

}  // namespace saccade
