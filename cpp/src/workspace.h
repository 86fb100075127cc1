// Working memory that a thread keeps from one call to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace saccade {

/// Memory whose address is a multiple of 64, a cache line and the widest vector.
class AlignedBytes {
  public:
    AlignedBytes() = default;
    AlignedBytes(const AlignedBytes&) = delete;
    AlignedBytes& operator=(const AlignedBytes&) = delete;
    ~AlignedBytes() { release(); }

    /// At least `size` bytes, whose former contents are lost where it has to grow.
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

/// What one strip needs. A thread keeps a little of it, because fresh pages cost as much as the work of a small image.
class Workspace {
  public:
    static Workspace& of_thread() {
        thread_local Workspace workspace;
        return workspace;
    }

    AlignedBytes groups;   // between the passes, where they are rows of groups
    AlignedBytes rows;     // between the passes, where they are plain rows
    AlignedBytes fetched;  // source rows, brought into the form kernels read
    AlignedBytes results;  // groups after the last pass
    AlignedBytes patches;  // uint8 patches of a row, that wait to be normalized
    AlignedBytes floats;   // a patch that has been
    AlignedBytes band;     // output rows that wait to be cut into patches

    /// Gives back what is more than worth keeping.
    void trim() {
        constexpr std::int64_t kept = std::int64_t{4} << 20;
        for (AlignedBytes* bytes : {&groups, &rows, &fetched, &results, &patches, &floats, &band}) {
            if (bytes->size() > kept) bytes->release();
        }
    }
};

}  // namespace saccade
