// A test is an executable: CHECK reports what failed and goes on, main returns finish().
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "saccade.h"

namespace check {

inline int failures = 0;
inline int checks = 0;

inline bool that(bool holds, const char* what, const char* file, int line) {
    ++checks;
    if (!holds) {
        ++failures;
        std::fprintf(stderr, "%s:%d: %s\n", file, line, what);
    }
    return holds;
}

/// Whether the status is an input error whose message contains `part` and is one line.
inline bool refused(int status, const char* part) {
    const char* message = saccade_last_message();
    const bool as_said =
        status == SACCADE_ERROR_INPUT && std::strstr(message, part) != nullptr && std::strchr(message, '\n') == nullptr;
    if (!as_said) std::fprintf(stderr, "status %d, message: %s\n", status, message);
    return as_said;
}

inline int finish() {
    std::printf("%d checks, %d failures\n", checks, failures);
    return failures == 0 && checks > 0 ? 0 : 1;
}

}  // namespace check

#define CHECK(...) check::that((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
