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
#if defined(__linux__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace saccade {
namespace {

constexpr int kMaxThreads = 256;

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

// Values that are read once are cached in atomics; two first threads may both read them. A static with a dynamic
// initializer has a lock, which a fork at that moment would leave locked in the child.

/// Returns SACCADE_THREADS; 0 if it is not set.
int threads_of_environment() {
    constexpr int not_read = -1;
    constinit static std::atomic<int> cached{not_read};
    if (const int threads = cached.load(std::memory_order_relaxed); threads != not_read) return threads;
    int number = 0;
    if (const char* text = std::getenv("SACCADE_THREADS"); text != nullptr && *text != '\0') {
        const char* const end = text + std::strlen(text);
        const auto [parsed, error] = std::from_chars(text, end, number);
        if (error != std::errc() || parsed != end || number < 1 || number > kMaxThreads) {
            reject("SACCADE_THREADS: expected 1 to ", kMaxThreads, "; got ", quoted(text));
        }
    }
    cached.store(number, std::memory_order_relaxed);
    return number;
}

/// Returns the threads of a call whose thread has this affinity and no limit. The affinity is read in every call,
/// because it may change. The process's quota is read once.
int threads_of_process(const Affinity& affinity) {
    if (const int threads = threads_of_environment(); threads != 0) return threads;
    constinit static std::atomic<int> cached{0};
    int quota = cached.load(std::memory_order_relaxed);
    if (quota == 0) cached.store(quota = cpus_of_quota(), std::memory_order_relaxed);
    return std::min({affinity.count, quota, kMaxThreads});
}

/// A pool of helpers that sleep between calls. Helpers and the caller claim items of work one by one, so a call never
/// waits for a helper that has not started. A helper that wakes late finds no items and sleeps again.
class Pool {
  public:
    Pool(int helpers, long process) : process_(process) {
        threads_.reserve(static_cast<std::size_t>(helpers));
        try {
            for (int i = 0; i < helpers; ++i) threads_.emplace_back([this] { help(); });
        } catch (const std::exception&) {
            // The system is out of threads or memory: use the threads created so far.
        }
    }

    long process() const { return process_; }

    /// Runs a call; returns false if another call has the helpers.
    bool run(int count, const Threads& threads, const std::function<void(int)>& work) {
        if (busy_.exchange(true, std::memory_order_acquire)) return false;
        work_ = &work;
        count_done_.store(0, std::memory_order_relaxed);
        seats_.store(threads.count - 1, std::memory_order_relaxed);
        failed_.store(false, std::memory_order_relaxed);
        error_ = nullptr;
        const std::uint64_t call = (claims_.load(std::memory_order_relaxed) >> 32) + 1;
        place_helpers(threads.affinity);
        // The claims word of a call: its number, its number of items, its number of claimed items. The exchange of a
        // late helper fails, because it has an older number.
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
    static constexpr int kSpins = 2000;  // longer than the pause between consecutive calls

    void help() {
#if defined(__APPLE__)
        // macOS may run a thread without a class on an efficiency core, for which the caller would wait.
        pthread_set_qos_class_self_np(QOS_CLASS_USER_INITIATED, 0);
#endif
        std::uint32_t last_call = 0;
        for (;;) {
            for (int spin = 0; spin < kSpins && calls_.load(std::memory_order_acquire) == last_call; ++spin) pause();
            calls_.wait(last_call, std::memory_order_acquire);
            last_call = calls_.load(std::memory_order_acquire);
            if (seats_.fetch_sub(1, std::memory_order_relaxed) > 0) claim_all();
        }
    }

    void claim_all() {
        std::uint64_t claims = claims_.load(std::memory_order_acquire);
        for (;;) {
            const int next = static_cast<int>(claims & 0xffff), count = static_cast<int>(claims >> 16 & 0xffff);
            if (next >= count) return;
            if (!claims_.compare_exchange_weak(claims, claims + 1, std::memory_order_acq_rel)) continue;
            // The call cannot end before count_done_ counts this item, so its data stays valid.
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

    /// Sets the helpers' affinity to the caller's without its current CPU, unless that is its only one. The system
    /// tends to wake a helper on the CPU of its waker, where it would wait for the waker's time slice to end.
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

    // State of the call that has the helpers.
    const std::function<void(int)>* work_ = nullptr;
    std::exception_ptr error_;
    std::atomic<int> seats_{0};  // number of helpers that may still join
    std::atomic<bool> failed_{false};
    std::atomic<int> count_done_{0};

    alignas(64) std::atomic<std::uint64_t> claims_{0};
    alignas(64) std::atomic<std::uint32_t> calls_{0};
#if defined(__linux__)
    cpu_set_t cpus_{};  // current affinity of the helpers
#endif
};

/// Returns the pool of this process; null if it would have no helpers, or while another thread creates it. The child of
/// a fork has only the thread that forked, so it gets a new pool, and the old one is unused memory. There is no lock
/// that a fork could leave locked.
Pool* pool(const Affinity& affinity) {
    constinit static std::atomic<Pool*> current{nullptr};
    constinit static std::atomic<long> maker{-1};  // the process whose pool is being created, or exists
    const long process = process_id();
    Pool* const existing = current.load(std::memory_order_acquire);
    if (existing != nullptr && existing->process() == process) return existing;
    const int helpers = threads_of_process(affinity) - 1;
    if (helpers == 0 || maker.exchange(process, std::memory_order_acq_rel) == process) return nullptr;
    try {
        // Never deleted: its threads run until the process ends.
        auto* const created = new Pool(helpers, process);
        current.store(created, std::memory_order_release);
        return created;
    } catch (...) {
        maker.store(-1, std::memory_order_release);  // the next caller tries again
        throw;
    }
}

}  // namespace

void check_threads() { threads_of_environment(); }

Threads threads_allowed() {
    const int process = threads_of_environment(), limit = limit_of_thread;
    if (limit == 1 || (limit == 0 && process == 1)) return {};
    const Affinity affinity = affinity_of_thread();
    return {limit != 0 ? limit : threads_of_process(affinity), affinity};
}

void limit_threads(std::int64_t threads) {
    if (threads < 0 || threads > kMaxThreads) reject("threads: expected 0 to ", kMaxThreads, "; got ", threads);
    limit_of_thread = static_cast<int>(threads);
}

void share_work(int count, const Threads& threads, const std::function<void(int)>& work) {
    Pool* const helpers = threads.count > 1 && count > 1 ? pool(threads.affinity) : nullptr;
    if (helpers != nullptr && helpers->run(count, threads, work)) return;
    for (int i = 0; i < count; ++i) work(i);
}

}  // namespace saccade
