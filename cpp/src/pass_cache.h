// A cache of passes: consecutive images tend to have the same size.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "resample_passes.h"

namespace saccade {

/// A least-recently-used cache of a few passes. Each thread has its own, so it needs no lock.
template <typename Pass>
class PassCache {
  public:
    static PassCache& of_thread() {
        thread_local PassCache passes;
        return passes;
    }

    /// Returns the pass from `input` to `output` samples, built if it is not in the cache.
    std::shared_ptr<const Pass> get(const Kernel& kernel, std::int64_t input, std::int64_t output,
                                    WeightRounding rounding) {
        ++time_;
        Entry* oldest = entries_.data();
        for (Entry& entry : entries_) {
            if (entry.kernel == &kernel && entry.input == input && entry.output == output &&
                entry.rounding == rounding) {
                entry.last_use = time_;
                return entry.pass;
            }
            if (entry.last_use < oldest->last_use) oldest = &entry;
        }
        auto pass = std::make_shared<const Pass>(kernel, kernel.weights(input, output, rounding));
        if (pass->weights() <= kMaxWeights) *oldest = {&kernel, input, output, rounding, time_, pass};
        return pass;
    }

  private:
    /// A pass with more weights is not cached. That many take about 1 MB in the form that kernels read.
    static constexpr std::int64_t kMaxWeights = 1 << 17;

    struct Entry {
        const Kernel* kernel = nullptr;
        std::int64_t input = 0, output = 0;
        WeightRounding rounding = WeightRounding::kPillow;
        std::int64_t last_use = 0;
        std::shared_ptr<const Pass> pass;
    };
    std::array<Entry, 4> entries_;
    std::int64_t time_ = 0;
};

}  // namespace saccade
