// The passes of a thread's recent resizes: images that follow each other tend to have the same size.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "resample_passes.h"

namespace saccade {

/// A few passes, the least recently used of which makes room for the next. One for each thread, so nothing is locked.
template <typename Pass>
class RecentPasses {
  public:
    static RecentPasses& of_thread() {
        thread_local RecentPasses passes;
        return passes;
    }

    std::shared_ptr<const Pass> get(const Kernel& kernel, std::int64_t input, std::int64_t output) {
        ++time_;
        Entry* oldest = entries_.data();
        for (Entry& entry : entries_) {
            if (entry.kernel == &kernel && entry.input == input && entry.output == output) {
                entry.used = time_;
                return entry.pass;
            }
            if (entry.used < oldest->used) oldest = &entry;
        }
        auto pass = std::make_shared<const Pass>(kernel, kernel.weights(input, output));
        if (pass->weights() <= kMostWeights) *oldest = {&kernel, input, output, time_, pass};
        return pass;
    }

  private:
    /// Of a pass worth keeping: about 1 MB in the form that kernels read.
    static constexpr std::int64_t kMostWeights = 1 << 17;

    struct Entry {
        const Kernel* kernel = nullptr;
        std::int64_t input = 0, output = 0;
        std::int64_t used = 0;
        std::shared_ptr<const Pass> pass;
    };
    std::array<Entry, 4> entries_;
    std::int64_t time_ = 0;
};

}  // namespace saccade
