// The thread pool: the same bytes for any number of threads, concurrent callers, idle times and forks. Also run in
// TSan.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "check.h"
#include "reference.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

using reference::Bytes;

constexpr int kWidth = 900, kHeight = 700, kNewWidth = 448, kNewHeight = 336;

const Bytes& image() {
    static const Bytes bytes = reference::noise(3 * kWidth * kHeight, 1);
    return bytes;
}

Bytes patches(int new_height, std::int64_t threads) {
    Bytes out(static_cast<std::size_t>(3 * kNewWidth * new_height));
    const bool ok =
        saccade_limit_threads(threads) == SACCADE_OK &&
        saccade_resize_patchify_native(image().data(), kWidth, kHeight, 3 * kWidth, 0, kNewWidth, new_height, 1, 14, 2,
                                       112, out.data(), static_cast<std::int64_t>(out.size())) == SACCADE_OK;
    if (!ok) out.clear();
    return out;
}

void test_any_number() {
    const Bytes expected = patches(kNewHeight, 1);
    CHECK(!expected.empty());
    for (const int threads : {0, 2, 3, 7, 256}) CHECK(patches(kNewHeight, threads) == expected);
    CHECK(check::refused(saccade_limit_threads(257), "threads: expected 0 to 256; got 257"));
    CHECK(check::refused(saccade_limit_threads(-1), "threads: expected 0 to 256; got -1"));
    std::int64_t threads = 0;
    CHECK(saccade_limit_threads(0) == SACCADE_OK && saccade_threads(&threads) == SACCADE_OK && threads >= 1);
}

/// Tests images of different sizes in one call.
void test_a_batch() {
    constexpr int kImages = 40;
    Bytes together;
    std::vector<Bytes> alone;
    for (int i = 0; i < kImages; ++i) {
        alone.push_back(patches(28 + 56 * (i % 7), 1));
        together.resize(together.size() + alone.back().size());
    }
    for (const int threads : {1, 2, 7}) {
        std::fill(together.begin(), together.end(), std::uint8_t{0});
        std::vector<saccade_batch_image> images;
        std::uint8_t* next = together.data();
        for (const Bytes& one : alone) {
            const auto size = static_cast<std::int64_t>(one.size());
            images.push_back({image().data(), kWidth, kHeight, 3 * kWidth, SACCADE_FORMAT_RGB, 1, kNewWidth,
                              size / (3 * kNewWidth), next, size});
            next += size;
        }
        CHECK(saccade_limit_threads(threads) == SACCADE_OK);
        CHECK(saccade_resize_patchify_native_batch(images.data(), kImages, 14, 2, 112) == SACCADE_OK);
        next = together.data();
        for (const Bytes& one : alone) {
            CHECK(std::equal(one.begin(), one.end(), next));
            next += one.size();
        }
    }
}

void test_callers_at_once() {
    const Bytes expected = patches(kNewHeight, 1), other = patches(kNewHeight + 28, 1);
    bool same[4] = {true, true, true, true};
    std::thread callers[4];
    for (int t = 0; t < 4; ++t) {
        callers[t] = std::thread([&, t] {
            for (int i = 0; i < 10; ++i) {
                const bool taller = (t + i) % 2 != 0;
                same[t] = same[t] && patches(kNewHeight + (taller ? 28 : 0), 2) == (taller ? other : expected);
            }
        });
    }
    for (auto& caller : callers) caller.join();
    for (const bool one : same) CHECK(one);
}

void test_idle_times() {
    const Bytes expected = patches(kNewHeight, 1);
    for (const int microseconds : {0, 10, 50, 100, 200, 1000, 20000}) {
        std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
        CHECK(patches(kNewHeight, 2) == expected);
    }
}

// A child inherits the locked locks of AddressSanitizer's allocator and hangs. The Python tests also fork like this,
// without the sanitizer.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAddressSanitizer = true;
#elif defined(__has_feature)
constexpr bool kAddressSanitizer = __has_feature(address_sanitizer);
#else
constexpr bool kAddressSanitizer = false;
#endif

#if defined(__unix__) || defined(__APPLE__)
/// Forks while another thread is in its first calls; returns 0 if the children's calls end. Only valid environment
/// values are cached, so every call reads these wrong values, and a fork may happen during the read.
int forks_during_first_calls() {
    setenv("SACCADE_THREADS", "abc", 1);
    setenv("SACCADE_KERNEL", "sse9", 1);
    std::int64_t threads = 0;
    const auto refused = [&] {
        return saccade_threads(&threads) == SACCADE_ERROR_INPUT && saccade_kernel() == nullptr;
    };
    std::atomic<bool> ended{false};
    std::thread other([&] {
        std::int64_t own = 0;
        while (!ended) saccade_threads(&own), saccade_kernel();
    });
    int failed = 0;
    for (int i = 0; i < 20 && failed == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        const pid_t child = fork();
        if (child == 0) {
            alarm(20);
            _exit(refused() ? 0 : 1);
        }
        int status = -1;
        if (waitpid(child, &status, 0) != child || status != 0) failed = 1;
    }
    ended = true;
    other.join();
    return failed;
}
#endif

/// Runs before this process's first call.
void test_fork_during_first_calls() {
#if defined(__unix__) || defined(__APPLE__)
    const pid_t fresh = fork();
    if (fresh == 0) _exit(forks_during_first_calls());
    int status = -1;
    CHECK(waitpid(fresh, &status, 0) == fresh && status == 0);
#endif
}

void test_fork() {
#if defined(__unix__) || defined(__APPLE__)
    const Bytes expected = patches(kNewHeight, 2);
    const pid_t child = fork();
    if (child == 0) _exit(patches(kNewHeight, 2) == expected ? 0 : 1);
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(patches(kNewHeight, 2) == expected);
#endif
}

}  // namespace

int main(int count, char** arguments) {
    const bool forks = count < 2 || std::strcmp(arguments[1], "--without-fork") != 0;
    if (forks && !kAddressSanitizer) {
        test_fork_during_first_calls();
    } else {
        std::printf("not run: fork during first calls\n");
    }
    test_any_number();
    test_a_batch();
    test_callers_at_once();
    test_idle_times();
    if (forks) {
        test_fork();
    } else {
        std::printf("not run: fork\n");
    }
    return check::finish();
}
