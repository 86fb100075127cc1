// Pillow's BICUBIC resize of an RGB image, a strip of rows at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "image.h"
#include "kernels/kernel.h"
#include "resample_passes.h"
#include "workspace.h"

namespace saccade {

enum class PassOrder : std::int32_t {
    kHorizontal = SACCADE_PASS_ORDER_HORIZONTAL,
    kPillow13 = SACCADE_PASS_ORDER_PILLOW13,
};

struct ImageSize {
    std::int64_t width;
    std::int64_t height;
};

/// Bytes from one working row to the next: its pixels and what kernels may read after them.
constexpr std::int64_t row_pitch(std::int64_t width) { return (kChannels * width + kRowSlack + 63) / 64 * 64; }

/// Samples of a row that are worked on together where a pass can: its working set then lies in the nearest cache. A
/// multiple of all vectors, and of the width of patches of 14 and of 16 pixels.
inline constexpr std::int64_t kTile = 1344;

/// Takes the rows of a strip, in order.
class RowSink {
  public:
    virtual ~RowSink() = default;
    /// Rows that are best made together, from a multiple of it on.
    virtual std::int64_t band() const = 0;
    /// Samples that are best made together; the whole row where it is 0.
    virtual std::int64_t tile() const = 0;
    /// Where row y goes, packed RGB. Those of a band, and kMostRowsInCall, may be asked for before the first is done.
    virtual std::uint8_t* row(std::int64_t y) = 0;
    /// Samples [x, x + count) of row y are there. Those of a band may come tile by tile.
    virtual void done(std::int64_t y, std::int64_t x, std::int64_t count) = 0;
};

/// Throws InputError unless the image, the size and the order can be used.
void check_resize(const Image& source, const ImageSize& size, PassOrder order);

/// Everything that is known about a resize before its pixels are read. Threads may run strips of one at once.
class Resampling {
  public:
    /// The arguments have passed check_resize.
    Resampling(const Kernel& kernel, const Image& source, const ImageSize& size, PassOrder order);

    /// Resamples output rows [first, end) into `sink`.
    void strip(std::int64_t first, std::int64_t end, Workspace& workspace, RowSink& sink) const;

    const Kernel& kernel() const { return kernel_; }
    const ImageSize& size() const { return size_; }

    /// Products of a weight and a sample in all, about.
    double products() const;

    /// Output rows, about, that share a row between the passes; 1 where there is none.
    std::int64_t overlap() const;

  private:
    class SourceRows;
    class GroupRing;
    class Columns;
    void copy(std::int64_t first, std::int64_t end, Workspace& workspace, RowSink& sink) const;
    void horizontal_last(std::int64_t first, std::int64_t end, Workspace& workspace, RowSink& sink) const;
    void vertical_last(std::int64_t first, std::int64_t end, Workspace& workspace, RowSink& sink) const;

    const Kernel& kernel_;
    Image source_;
    ImageSize size_;
    bool vertical_first_;
    std::shared_ptr<const RowPass> horizontal_;     // none where the width stays: its weights would be one 1 each
    std::shared_ptr<const VerticalPass> vertical_;  // none where the height stays
};

}  // namespace saccade
