// Memory for the arrays that go to Python.
#pragma once

#include <cstddef>

namespace binding {

/// Memory for an output, not yet filled. Large blocks come in large pages, and a few of them that Python has let go of
/// wait for the next call: the first touch of fresh pages, which the system clears, costs more than the work that fills
/// them. All but one of at most 32 MB the system may take back whenever it needs memory.
class OutputMemory {
  public:
    /// Throws std::bad_alloc.
    explicit OutputMemory(std::size_t bytes);
    OutputMemory(OutputMemory&& other) noexcept;
    OutputMemory(const OutputMemory&) = delete;
    OutputMemory& operator=(const OutputMemory&) = delete;
    ~OutputMemory();

    void* data() const { return data_; }

  private:
    void* block_;  // as allocated
    void* data_;   // in whole cache lines
    std::size_t size_;
};

}  // namespace binding
