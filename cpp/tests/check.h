// A minimal test framework. A test is an executable: CHECK reports a failure and continues, main returns finish().
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

/// Returns true for an input error whose message is one line and contains `part`.
inline bool refused(int status, const char* part) {
    const char* message = saccade_last_message();
    const bool as_expected =
        status == SACCADE_ERROR_INPUT && std::strstr(message, part) != nullptr && std::strchr(message, '\n') == nullptr;
    if (!as_expected) std::fprintf(stderr, "status %d, message: %s\n", status, message);
    return as_expected;
}

inline int finish() {
    std::printf("%d checks, %d failures\n", checks, failures);
    return failures == 0 && checks > 0 ? 0 : 1;
}

}  // namespace check

#define CHECK(...) check::that((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
