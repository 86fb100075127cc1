// Memory for arrays that are returned to Python.
#pragma once

#include <cstddef>

namespace binding {

/// Uninitialized memory for an output. Large blocks use large pages. A few blocks that Python has freed are reused,
/// because the first touch of fresh pages costs more than the work that fills them. The system may reclaim them at any
/// time, except for one of at most 32 MB.
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
    void* data_;   // aligned to a cache line
    std::size_t size_;
};

}  // namespace binding
