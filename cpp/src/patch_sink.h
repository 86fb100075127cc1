// Patches from the rows of a resized image, band by band.
#pragma once

#include <algorithm>
#include <vector>

#include "patch_shape.h"
#include "resample.h"
#include "windows.h"

namespace saccade {

/// The window order of patches. The patches of a token are consecutive, in raster order.
class PatchOrder {
  public:
    PatchOrder(const ImageSize& size, const PatchSpec& spec, std::int64_t window_size) : merge_(spec.merge_size) {
        const std::int64_t factor = spec.patch_size * spec.merge_size;
        const std::int64_t rows = size.height / factor, columns = size.width / factor;
        // Without windows, the whole frame is one window.
        const std::int64_t side =
            window_size == 0 ? std::max(rows, columns) : window_side(window_size, spec.merge_size, spec.patch_size);
        frame_ = {rows, columns, side};
    }
    /// Returns the index of patch (row, column) in window order.
    std::int64_t index(std::int64_t row, std::int64_t column) const {
        return frame_.place(row / merge_, column / merge_) * merge_ * merge_ + row % merge_ * merge_ + column % merge_;
    }

  private:
    std::int64_t merge_;
    WindowedFrame frame_;
};

/// A sink that collects the rows of a row of patches, then splits them into uint8 patches (channel, y, x).
/// output.target(column, index) returns the memory for a patch; output.filled(column, index) is called when it is
/// written.
template <typename Output>
class PatchSink final : public RowSink {
  public:
    PatchSink(const Kernel& kernel, const ImageSize& size, const PatchSpec& spec, const PatchOrder& order,
              Output output, AlignedBytes& memory)
        : kernel_(kernel),
          order_(order),
          output_(output),
          side_(spec.patch_size),
          columns_(size.width / spec.patch_size),
          pitch_(row_pitch(size.width)),
          // A kernel call may request its rows before those of the previous band are done.
          rows_(side_ + kernel.rows_in_call),
          band_(memory.get(rows_ * pitch_)),
          rows_of_band_(static_cast<std::size_t>(side_)),
          out_(static_cast<std::size_t>(columns_)) {}

    std::int64_t band() const override { return side_; }
    std::int64_t tile() const override { return kTile % (kChannels * side_) == 0 ? kTile : 0; }
    std::uint8_t* row(std::int64_t y) override { return band_ + y % rows_ * pitch_; }

    void done(std::int64_t y, std::int64_t x, std::int64_t count) override {
        const std::int64_t patch_row = y / side_, in_patch = y % side_;
        const std::int64_t first = x / (kChannels * side_), end = (x + count) / (kChannels * side_);
        if (patch_row != patch_row_) locate_patches(patch_row);
        if (in_patch != side_ - 1) return prefetch_patches(first, end, in_patch);
        for (std::int64_t i = 0; i < side_; ++i) {
            rows_of_band_[static_cast<std::size_t>(i)] = row(y - side_ + 1 + i) + x;
        }
        kernel_.patchify_rows(rows_of_band_.data(), side_, end - first, out_.data() + first);
        for (std::int64_t column = first; column < end; ++column) {
            output_.filled(column, order_.index(patch_row, column));
        }
    }

  private:
    void locate_patches(std::int64_t patch_row) {
        patch_row_ = patch_row;
        for (std::int64_t column = 0; column < columns_; ++column) {
            out_[static_cast<std::size_t>(column)] = output_.target(column, order_.index(patch_row, column));
        }
    }

    /// Prefetches the cache lines of patches [first, end), some with each row before the last. Patches are written in
    /// pieces of 14 bytes, which would otherwise wait for memory one by one.
    void prefetch_patches(std::int64_t first, std::int64_t end, std::int64_t row) {
        const std::int64_t bytes = kChannels * side_ * side_, lines = bytes / 64 + 2, steps = side_ - 1;
        for (std::int64_t line = lines * row / steps; line < lines * (row + 1) / steps; ++line) {
            const std::int64_t at = std::min(64 * line, bytes - 1);
            for (std::int64_t column = first; column < end; ++column) {
                prefetch_for_write(out_[static_cast<std::size_t>(column)] + at);
            }
        }
    }

    static void prefetch_for_write(const std::uint8_t* byte) {
#if defined(__x86_64__)
        __asm__ __volatile__("prefetchw %0" : : "m"(*byte));
#else
        __builtin_prefetch(byte, 1);
#endif
    }

    const Kernel& kernel_;
    const PatchOrder& order_;
    Output output_;
    std::int64_t patch_row_ = -1;  // the row of patches in out_
    std::int64_t side_;
    std::int64_t columns_;
    std::int64_t pitch_;
    std::int64_t rows_;
    std::uint8_t* band_;
    std::vector<const std::uint8_t*> rows_of_band_;
    std::vector<std::uint8_t*> out_;
};

}  // namespace saccade
