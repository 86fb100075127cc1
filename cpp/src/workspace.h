// Working memory that a thread reuses in its next call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace saccade {

/// A block of memory aligned to 64 bytes: a cache line, and the widest vector.
class AlignedBytes {
  public:
    AlignedBytes() = default;
    AlignedBytes(const AlignedBytes&) = delete;
    AlignedBytes& operator=(const AlignedBytes&) = delete;
    ~AlignedBytes() { release(); }

    /// Returns at least `size` bytes. The contents are lost if the block must grow.
    std::uint8_t* get(std::int64_t size) {
        if (size > size_) {
            release();
            data_ = static_cast<std::uint8_t*>(::operator new(static_cast<std::size_t>(size), kAlignment));
            size_ = size;
        }
        return data_;
    }
    std::uint8_t* data() const { return data_; }
    std::int64_t size() const { return size_; }

    void release() {
        ::operator delete(data_, kAlignment);
        data_ = nullptr;
        size_ = 0;
    }

  private:
    static constexpr std::align_val_t kAlignment{64};
    std::uint8_t* data_ = nullptr;
    std::int64_t size_ = 0;
};

/// The working memory of one strip. A thread keeps some of it, because fresh pages cost as much time as a small image.
class Workspace {
  public:
    static Workspace& of_thread() {
        thread_local Workspace workspace;
        return workspace;
    }

    AlignedBytes groups;   // between the passes, in rows of groups
    AlignedBytes rows;     // between the passes, in plain rows
    AlignedBytes fetched;  // source rows in the form that kernels read
    AlignedBytes results;  // groups after the last pass
    AlignedBytes patches;  // uint8 patches of a row, before they are normalized
    AlignedBytes floats;   // a normalized patch
    AlignedBytes band;     // output rows, before they become patches

    /// Releases the large blocks.
    void trim() {
        constexpr std::int64_t max_reused = std::int64_t{4} << 20;
        for (AlignedBytes* bytes : {&groups, &rows, &fetched, &results, &patches, &floats, &band}) {
            if (bytes->size() > max_reused) bytes->release();
        }
    }
};

}  // namespace saccade
