// BICUBIC resize of an image with the arithmetic of a backend, in strips of rows.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "image.h"
#include "kernels/kernel.h"
#include "resample_passes.h"
#include "workspace.h"

namespace saccade {

/// The library whose pixels and normalization are reproduced: see saccade.h.
enum class Backend : std::int32_t {
    kPillow12 = SACCADE_BACKEND_PILLOW12,
    kPillow13 = SACCADE_BACKEND_PILLOW13,
    kTorchvision = SACCADE_BACKEND_TORCHVISION,
};

/// A size in pixels.
struct ImageSize {
    std::int64_t width;
    std::int64_t height;
};

/// Returns the bytes between working rows: the pixels, and the bytes that kernels may read after them.
constexpr std::int64_t row_pitch(std::int64_t width) { return (kChannels * width + kRowSlack + 63) / 64 * 64; }

/// Samples of a row that a pass processes together, so that its working set fits into the L1 cache. A multiple of every
/// vector, and of the width of patches of 14 and of 16 pixels.
inline constexpr std::int64_t kTile = 1344;

/// A receiver of the rows of a strip, in order.
class RowSink {
  public:
    virtual ~RowSink() = default;
    /// Returns the number of rows to compute together, from a multiple of it.
    virtual std::int64_t band() const = 0;
    /// Returns the number of samples to compute together; 0 for the whole row.
    virtual std::int64_t tile() const = 0;
    /// Returns the memory for row y, packed RGB. All rows of a band and of a kernel call may be requested before the
    /// first is done.
    virtual std::uint8_t* row(std::int64_t y) = 0;
    /// Is called when samples [x, x + count) of row y are written. Those of a band may arrive tile by tile.
    virtual void done(std::int64_t y, std::int64_t x, std::int64_t count) = 0;
};

/// Throws InputError unless the image, the size and the backend are valid.
void check_resize(const Image& source, const ImageSize& size, Backend backend);

/// Returns true if the vertical pass comes first in a resize that changes both sides.
bool vertical_first(const ImageSize& source, const ImageSize& size, Backend backend);

/// Returns the rounding of weights of a backend.
WeightRounding weight_rounding(Backend backend);

/// A plan of a resize. Threads may run strips of one plan at the same time.
class Resampling {
  public:
    /// Plans a resize whose arguments have passed check_resize.
    Resampling(const Kernel& kernel, const Image& source, const ImageSize& size, Backend backend);

    /// Computes output rows [first, end) into `sink`.
    void strip(std::int64_t first, std::int64_t end, Workspace& workspace, RowSink& sink) const;

    const Kernel& kernel() const { return kernel_; }
    const ImageSize& size() const { return size_; }

    /// Estimates the number of products of a weight and a sample.
    double products() const;

    /// Estimates the number of output rows that share a row between the passes; 1 without a vertical pass.
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
    std::shared_ptr<const RowPass> horizontal_;     // null if the width stays
    std::shared_ptr<const VerticalPass> vertical_;  // null if the height stays
};

}  // namespace saccade
