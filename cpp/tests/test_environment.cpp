// Wrong values of SACCADE_KERNEL and SACCADE_THREADS: the same error in every call that reads them, one line of ASCII,
// and untouched outputs. A separate program, because a process reads them once.
#include <cstdlib>
#include <string>
#include <vector>

#include "check.h"
#include "reference.h"

namespace {

using reference::Bytes;
using Places = std::vector<std::int32_t>;

bool one_printable_line(const char* text) {
    for (; *text != '\0'; ++text) {
        if (*text < 0x20 || *text > 0x7e) return false;
    }
    return true;
}

bool refused(int status, const char* message) {
    return check::refused(status, message) && one_printable_line(saccade_last_message());
}

/// Checks two sizes: one too small for threads, and one that is large enough.
void pixels_are_refused(const char* message) {
    for (const int side : {4, 1024}) {
        const int target = side / 2;
        const auto room = static_cast<std::int64_t>(3 * target * target);
        const Bytes image(static_cast<std::size_t>(3 * side * side), 1);
        Bytes out(static_cast<std::size_t>(room), 7);
        CHECK(refused(saccade_resize(image.data(), side, side, 3 * side, 0, target, target, 1, out.data(), room),
                      message));
        CHECK(refused(saccade_resize_patchify_native(image.data(), side, side, 3 * side, 0, target, target, 1, 1, 2, 0,
                                                     out.data(), room),
                      message));
        CHECK(out == Bytes(out.size(), 7));
    }
}

/// Checks windows of 3 and 4 tokens and merge blocks of 2 and 3. A kernel computes only some of them.
void places_are_refused(const char* message) {
    const std::int64_t grid[3] = {1, 24, 24};
    for (const int side : {3, 4}) {
        Places index(144, 7), boundaries(65, 7);
        CHECK(refused(saccade_window_index(grid, 1, 2, 28 * side, 14, index.data(), 144, boundaries.data(), 65),
                      message));
        CHECK(index == Places(144, 7) && boundaries == Places(65, 7));
    }
    for (const int merge : {2, 3}) {
        Places positions(1152, 7);
        CHECK(refused(saccade_vision_positions(grid, 1, merge, positions.data(), 1152), message));
        CHECK(positions == Places(1152, 7));
    }
}

void test_kernel() {
    setenv("SACCADE_KERNEL", "sse9", 1);
    pixels_are_refused("; got 'sse9'");
    places_are_refused("SACCADE_KERNEL: expected a kernel of this build and CPU (");
    setenv("SACCADE_KERNEL", "a\nb\xff\x7f", 1);
    CHECK(saccade_kernel() == nullptr);
    CHECK(refused(SACCADE_ERROR_INPUT, "; got 'a\\x0ab\\xff\\x7f'"));
    setenv("SACCADE_KERNEL", std::string(100000, 'k').c_str(), 1);
    CHECK(saccade_kernel() == nullptr && std::strlen(saccade_last_message()) < 400);
    unsetenv("SACCADE_KERNEL");
    CHECK(refused(saccade_select_kernel("a\nb"), "; got 'a\\x0ab'"));
}

void test_threads() {
    std::int64_t threads = 7;
    setenv("SACCADE_THREADS", "abc", 1);
    // Also with a limit of the thread, because the pool has the process's number of threads.
    for (const int limit : {0, 1, 2}) {
        CHECK(saccade_limit_threads(limit) == SACCADE_OK);
        CHECK(refused(saccade_threads(&threads), "SACCADE_THREADS: expected 1 to 256; got 'abc'"));
        pixels_are_refused("SACCADE_THREADS: expected 1 to 256; got 'abc'");
    }
    setenv("SACCADE_THREADS", "2\n\xff", 1);
    CHECK(refused(saccade_threads(&threads), "SACCADE_THREADS: expected 1 to 256; got '2\\x0a\\xff'"));
    setenv("SACCADE_THREADS", std::string(100000, '1').c_str(), 1);
    CHECK(refused(saccade_threads(&threads), "SACCADE_THREADS: expected 1 to 256; got '1"));
    CHECK(threads == 7 && saccade_limit_threads(0) == SACCADE_OK);
    setenv("SACCADE_THREADS", "3", 1);
    CHECK(saccade_threads(&threads) == SACCADE_OK && threads == 3);
}

}  // namespace

int main() {
    test_kernel();
    test_threads();
    return check::finish();
}
