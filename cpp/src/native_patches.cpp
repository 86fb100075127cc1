#include "native_patches.h"

#include "strips.h"
#include "windows.h"

namespace saccade {
namespace {

/// Where patches stand in window order, patches of a token together, by rows.
class PatchOrder {
  public:
    PatchOrder(const ImageSize& size, const Cut& cut, std::int64_t window_size) : merge_(cut.merge_size) {
        const std::int64_t factor = cut.patch_size * cut.merge_size;
        const std::int64_t rows = size.height / factor, columns = size.width / factor;
        // Without windows the whole frame is one, as wide as its longer side.
        const std::int64_t side =
            window_size == 0 ? std::max(rows, columns) : window_side(window_size, cut.merge_size, cut.patch_size);
        frame_ = {rows, columns, side};
    }
    std::int64_t place(std::int64_t row, std::int64_t column) const {
        return frame_.place(row / merge_, column / merge_) * merge_ * merge_ + row % merge_ * merge_ + column % merge_;
    }

  private:
    std::int64_t merge_;
    WindowedFrame frame_;
};

/// Collects as many rows as a patch is high, then cuts them.
class PatchSink final : public RowSink {
  public:
    PatchSink(const Kernel& kernel, const ImageSize& size, const Cut& cut, const PatchOrder& order,
              std::uint8_t* patches, AlignedBytes& memory)
        : kernel_(kernel),
          order_(order),
          patches_(patches),
          side_(cut.patch_size),
          columns_(size.width / cut.patch_size),
          pitch_(row_pitch(size.width)),
          // A call of the kernel may ask for its rows before it is done with those of the band before.
          rows_(side_ + kernel.rows_in_call),
          band_(memory.get(rows_ * pitch_)),
          rows_of_band_(static_cast<std::size_t>(side_)),
          out_(static_cast<std::size_t>(columns_)) {}

    std::uint8_t* row(std::int64_t y) override { return band_ + y % rows_ * pitch_; }

    void done(std::int64_t y) override {
        if (y % side_ != side_ - 1) return;
        for (std::int64_t i = 0; i < side_; ++i) rows_of_band_[static_cast<std::size_t>(i)] = row(y - side_ + 1 + i);
        for (std::int64_t column = 0; column < columns_; ++column) {
            const std::int64_t place = order_.place(y / side_, column);
            out_[static_cast<std::size_t>(column)] = patches_ + place * kChannels * side_ * side_;
        }
        kernel_.cut(rows_of_band_.data(), side_, columns_, out_.data());
    }

  private:
    const Kernel& kernel_;
    const PatchOrder& order_;
    std::uint8_t* patches_;
    std::int64_t side_;
    std::int64_t columns_;
    std::int64_t pitch_;
    std::int64_t rows_;
    std::uint8_t* band_;
    std::vector<const std::uint8_t*> rows_of_band_;
    std::vector<std::uint8_t*> out_;
};

}  // namespace

void native_patches(const Image& source, const ImageSize& size, PassOrder order, const Cut& cut,
                    std::int64_t window_size, std::uint8_t* patches, std::int64_t capacity) {
    const Kernel& kernel = selected_kernel();
    check_resize(source, size, order);
    const PatchesShape shape = patches_shape(size.width, size.height, cut, 1);
    check_capacity(capacity, shape.patches * shape.values, "patches");
    const PatchOrder places(size, cut, window_size);
    const Resampling plan(kernel, source, size, order);
    run_strips(plan, cut.patch_size, [&](std::int64_t first, std::int64_t end, Workspace& workspace) {
        PatchSink sink(kernel, size, cut, places, patches, workspace.band);
        plan.strip(first, end, workspace, sink);
    });
}

}  // namespace saccade
