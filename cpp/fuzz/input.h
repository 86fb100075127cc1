// Numbers out of a fuzzer's bytes, and how a finding is reported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

    /// The next bytes as a number; zeros when there are none left.
    std::uint64_t bits(int bytes) {
        std::uint64_t value = 0;
        for (int i = 0; i < bytes; ++i) {
            value = value << 8 | (left_ > 0 ? *data_ : 0U);
            if (left_ > 0) ++data_, --left_;
        }
        return value;
    }
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(bits(4) % static_cast<std::uint64_t>(high - low + 1));
    }
    /// Mostly a number in range, sometimes any 64 bits: what has to be refused.
    std::int64_t wild(std::int64_t low, std::int64_t high) {
        return bits(1) % 16 == 0 ? static_cast<std::int64_t>(bits(8)) : between(low, high);
    }
    std::uint32_t seed() { return static_cast<std::uint32_t>(bits(4)); }

  private:
    const std::uint8_t* data_;
    std::size_t left_;
};

}  // namespace fuzz

// Prints the call in a form that can be pasted into a test, and stops.
#define FUZZ_EXPECT(condition, ...)                             \
    do {                                                        \
        if (!(condition)) {                                     \
            std::fprintf(stderr, "failed: %s\n  ", #condition); \
            std::fprintf(stderr, __VA_ARGS__);                  \
            std::fprintf(stderr, "\n");                         \
            std::abort();                                       \
        }                                                       \
    } while (false)
