// Numbers from a fuzzer's bytes, and reports of findings.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "saccade.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

    /// Returns the next bytes as a number, with zeros after the end.
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
    /// Returns a number in range, or sometimes any 64 bits, to test errors.
    std::int64_t wild(std::int64_t low, std::int64_t high) {
        return bits(1) % 16 == 0 ? static_cast<std::int64_t>(bits(8)) : between(low, high);
    }
    std::uint32_t seed() { return static_cast<std::uint32_t>(bits(4)); }

  private:
    const std::uint8_t* data_;
    std::size_t left_;
};

/// Mean and deviation of each channel: those of models, or any floats, including invalid ones.
struct Normalization {
    explicit Normalization(Input& input) {
        constexpr double usual[3][2][3] = {{{0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}},
                                           {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}},
                                           {{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}}};
        const std::uint64_t which = input.bits(1) % 4;
        const auto any = [&] {
            const std::uint32_t bits = input.seed();
            float value = 0;
            std::memcpy(&value, &bits, sizeof value);
            return static_cast<double>(value);
        };
        for (int c = 0; c < 3; ++c) {
            mean[c] = which < 3 ? usual[which][0][c] : any();
            std[c] = which < 3 ? usual[which][1][c] : any();
        }
    }
    /// Returns true if the backend can use the values: torchvision multiplies them by 255 in float.
    bool possible(int backend) const {
        const float scale = backend == SACCADE_BACKEND_TORCHVISION ? 255.0F : 1.0F;
        const auto finite = [&](double value) { return std::isfinite(static_cast<float>(value) * scale); };
        bool all = true;
        for (int c = 0; c < 3; ++c) all = all && finite(mean[c]) && finite(std[c]) && std[c] != 0;
        return all;
    }
    /// Returns the values for a message.
    std::string text() const {
        char out[200];
        std::snprintf(out, sizeof out, "mean {%.9g, %.9g, %.9g}, std {%.9g, %.9g, %.9g}", mean[0], mean[1], mean[2],
                      std[0], std[1], std[2]);
        return out;
    }
    double mean[3] = {}, std[3] = {};
};

}  // namespace fuzz

// Aborts unless the condition holds, with the call in a form that can be pasted into a test.
#define FUZZ_EXPECT(condition, ...)                             \
    do {                                                        \
        if (!(condition)) {                                     \
            std::fprintf(stderr, "failed: %s\n  ", #condition); \
            std::fprintf(stderr, __VA_ARGS__);                  \
            std::fprintf(stderr, "\n");                         \
            std::abort();                                       \
        }                                                       \
    } while (false)
