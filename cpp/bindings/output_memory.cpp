#include "output_memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#if defined(__linux__) || defined(__APPLE__)
#include <sys/mman.h>
#define REUSES_BLOCKS 1
#endif

namespace binding {
namespace {

constexpr std::size_t kCacheLine = 64;

#ifdef REUSES_BLOCKS
constexpr std::size_t kLargePage = std::size_t{2} << 20;
constexpr std::size_t kLarge = 2 * kLargePage;

/// A pool of blocks for reuse. A thread that does not get the lock does without the pool, also in the child of a fork
/// that left it locked.
class SpareBlocks {
  public:
    /// Returns a block of `bytes` to about twice that, with its size; null if there is none.
    std::pair<void*, std::size_t> take(std::size_t bytes) {
        std::pair<void*, std::size_t> free_block{nullptr, 0};
        if (busy_.test_and_set(std::memory_order_acquire)) return free_block;
        for (auto& block : blocks_) {
            if (block.first == nullptr || block.second < bytes || block.second / 2 > bytes) continue;
            free_block = std::exchange(block, {nullptr, 0});
            break;
        }
        busy_.clear(std::memory_order_release);
        return free_block;
    }

    /// Stores a block in place of the oldest, and returns the block to free. The system may reclaim stored blocks,
    /// except for the newest one of moderate size, because madvise is slow for a short call.
    void* give(void* data, std::size_t size) {
        if (size > kMaxSize || busy_.test_and_set(std::memory_order_acquire)) return data;
        for (const auto& [waiting, extent] : blocks_) offer(waiting, extent);
        if (size > kMaxResident) offer(data, size);
        void* oldest = std::exchange(blocks_[next_], {data, size}).first;
        next_ = (next_ + 1) % blocks_.size();
        busy_.clear(std::memory_order_release);
        return oldest;
    }

  private:
    static constexpr std::size_t kMaxSize = std::size_t{64} << 20;
    static constexpr std::size_t kMaxResident = kMaxSize / 2;

    static void offer(void* data, std::size_t size) {
        if (data != nullptr) madvise(data, size, MADV_FREE);
    }

    std::array<std::pair<void*, std::size_t>, 2> blocks_{};
    std::size_t next_ = 0;
    std::atomic_flag busy_;
};

SpareBlocks& spare_blocks() {
    constinit static SpareBlocks blocks;
    return blocks;
}
#endif

}  // namespace

OutputMemory::OutputMemory(std::size_t bytes)
    : block_(nullptr), data_(nullptr), size_(std::max<std::size_t>(bytes, 1)) {
#ifdef REUSES_BLOCKS
    if (bytes >= kLarge) {
        const auto [data, size] = spare_blocks().take(bytes);
        if (data != nullptr) {
            data_ = block_ = data, size_ = size;
            return;
        }
        size_ = (bytes + kLargePage - 1) / kLargePage * kLargePage;
        if (size_ < bytes || posix_memalign(&block_, kLargePage, size_) != 0) throw std::bad_alloc();
        data_ = block_;
#if defined(__linux__)
        madvise(data_, size_, MADV_HUGEPAGE);  // a hint that may be ignored
#endif
        return;
    }
#endif
    // Aligned to a cache line: vectors across two lines are written at half the speed.
    std::size_t room = size_ + kCacheLine;
    block_ = room < size_ ? nullptr : std::malloc(room);
    if (block_ == nullptr) throw std::bad_alloc();
    data_ = block_;
    std::align(kCacheLine, size_, data_, room);
}

OutputMemory::OutputMemory(OutputMemory&& other) noexcept
    : block_(std::exchange(other.block_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

OutputMemory::~OutputMemory() {
#ifdef REUSES_BLOCKS
    if (block_ != nullptr && size_ >= kLarge) block_ = spare_blocks().give(block_, size_);
#endif
    std::free(block_);
}

}  // namespace binding
