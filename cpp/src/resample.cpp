#include "resample.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "pass_cache.h"

namespace saccade {
namespace {

constexpr std::int64_t kMaxRowsInCall = 16;

std::int64_t round_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

}  // namespace

void check_resize(const Image& source, const ImageSize& size, Backend backend) {
    const auto [width, height] = size;
    check_image(source, "image");
    check_side(width, "target_width");
    check_side(height, "target_height");
    if (backend < Backend::kPillow12 || backend > Backend::kTorchvision) {
        reject("backend: expected 0 (Pillow 12), 1 (Pillow 13) or 2 (torchvision); got ",
               static_cast<std::int32_t>(backend));
    }
}

WeightRounding weight_rounding(Backend backend) {
    return backend == Backend::kTorchvision ? WeightRounding::kTorchvision : WeightRounding::kPillow;
}

bool vertical_first(const ImageSize& source, const ImageSize& size, Backend backend) {
    return backend == Backend::kPillow13 && size.height < source.height &&
           source.height - size.height > 2 * (source.width - size.width);
}

/// The rows of the source as kernels read them: RGB, with readable bytes after the end. Most rows of an RGB image are
/// read in place, because other rows follow. Its last rows are copied, and rows of other formats are converted.
class Resampling::SourceRows {
  public:
    SourceRows(const Kernel& kernel, const Image& source, AlignedBytes& memory)
        : kernel_(kernel), source_(source), pitch_(row_pitch(source.width)) {
        const std::int64_t rows_of_slack = (kRowSlack + source.stride - 1) / source.stride;
        in_place_ = source.format == PixelFormat::kRgb ? source.height - rows_of_slack : 0;
        slots_ = memory.get(kMaxRowsInCall * pitch_);
    }

    /// Returns row min(y, height - 1), valid until the next call with the same slot.
    const std::uint8_t* get(std::int64_t y, int slot) {
        y = std::min(y, source_.height - 1);
        if (y < in_place_) return source_.row(y);
        std::uint8_t* row = slots_ + slot * pitch_;
        if (source_.format == PixelFormat::kRgb) {
            std::memcpy(row, source_.row(y), static_cast<std::size_t>(kChannels * source_.width));
        } else {
            kernel_.to_rgb(source_.row(y), source_.format, source_.width, row);
        }
        return row;
    }

    /// Returns the bytes from `count` rows at row y to the next `count` rows; 0 if those are not read in place.
    std::int64_t ahead(std::int64_t y, std::int64_t count) const {
        return y + 2 * count <= in_place_ ? count * source_.stride : 0;
    }

  private:
    const Kernel& kernel_;
    Image source_;
    std::int64_t pitch_;
    std::int64_t in_place_;  // rows before it are read in place
    std::uint8_t* slots_;
};

/// A ring of the groups that the vertical pass needs next. Older groups are overwritten.
class Resampling::GroupRing {
  public:
    GroupRing(const Kernel& kernel, std::int64_t samples, std::int64_t groups, AlignedBytes& memory)
        : pitch_(round_up((samples + kGroupSlack) * kernel.bytes_per_column, 64) + 64) {
        while (size_ < groups) size_ *= 2;
        memory_ = memory.get(checked_multiply(size_, pitch_, "rows between the passes"));
    }
    std::uint8_t* operator[](std::int64_t group) { return memory_ + (group & (size_ - 1)) * pitch_; }

  private:
    std::int64_t size_ = 1;
    std::int64_t pitch_;  // not a power of two, or groups would share cache sets
    std::uint8_t* memory_;
};

Resampling::Resampling(const Kernel& kernel, const Image& source, const ImageSize& size, Backend backend)
    : kernel_(kernel), source_(source), size_(size) {
    const auto [width, height] = size;
    vertical_first_ = vertical_first({source.width, source.height}, size, backend);
    const auto rounding = weight_rounding(backend);
    if (width != source.width) {
        horizontal_ = PassCache<RowPass>::of_thread().get(kernel, source.width, width, rounding);
    }
    if (height != source.height) {
        vertical_ = PassCache<VerticalPass>::of_thread().get(kernel, source.height, height, rounding);
    }
}

double Resampling::products() const {
    const auto samples = static_cast<double>(kChannels * size_.width);
    const auto rows = static_cast<double>(source_.height), new_rows = static_cast<double>(size_.height);
    const auto columns = static_cast<double>(kChannels * source_.width);
    double sum = samples * new_rows;
    if (horizontal_) {
        const double taps = std::max(4.0, 4.0 * columns / samples);
        sum += samples * taps * (vertical_ && !vertical_first_ ? rows : new_rows);
    }
    if (vertical_) {
        const double taps = std::max(4.0, 4.0 * rows / new_rows);
        sum += new_rows * taps * (horizontal_ && vertical_first_ ? columns : samples);
    }
    return sum;
}

std::int64_t Resampling::overlap() const {
    if (!vertical_) return 1;
    return std::max<std::int64_t>(1, 4 * size_.height / source_.height) +
           kMaxRowsInCall * size_.height / source_.height;
}

void Resampling::strip(std::int64_t first, std::int64_t end, Workspace& workspace, RowSink& sink) const {
    if (!horizontal_ && !vertical_) return copy(first, end, workspace, sink);
    if (!vertical_ || (horizontal_ && vertical_first_)) return horizontal_last(first, end, workspace, sink);
    vertical_last(first, end, workspace, sink);
}

void Resampling::copy(std::int64_t first, std::int64_t end, Workspace& workspace, RowSink& sink) const {
    SourceRows source(kernel_, source_, workspace.fetched);
    for (std::int64_t y = first; y < end; ++y) {
        std::memcpy(sink.row(y), source.get(y, 0), static_cast<std::size_t>(kChannels * size_.width));
        sink.done(y, 0, kChannels * size_.width);
    }
}

/// The vertical pass over the source or over the horizontal pass, in bands of rows. It first computes the groups of a
/// band over their whole width, then the rows, tile by tile.
class Resampling::Columns {
  public:
    Columns(const Resampling& plan, const RowPass* horizontal, std::int64_t width, std::int64_t first, std::int64_t end,
            std::int64_t band, Workspace& workspace)
        : kernel_(plan.kernel_),
          horizontal_(horizontal),
          vertical_(*plan.vertical_),
          samples_(kChannels * width),
          rows_in_step_(horizontal != nullptr ? kernel_.rows_in_call : kernel_.rows_in_group),
          band_(band),
          source_(kernel_, plan.source_, workspace.fetched),
          ring_(kernel_, samples_, fit_band(first, end) + rows_in_step_ / kernel_.rows_in_group, workspace.groups),
          groups_(static_cast<std::size_t>(vertical_.max_groups())),
          end_group_(vertical_.span(first).first) {}

    /// Returns the number of rows, from y, for the next call of `rows`.
    std::int64_t rows_from(std::int64_t y, std::int64_t end) const {
        return std::min(end, y - y % whole_band_ + round_up(y % whole_band_ + 1, band_)) - y;
    }

    /// Computes rows [y, end), which follow those of the previous call. Row y is written to out(y); done(y, x, count)
    /// is called for its samples.
    template <typename Out, typename Done>
    void rows(std::int64_t y, std::int64_t end, std::int64_t tile, Out out, Done done) {
        while (end_group_ < groups_end(end - 1)) step();
        if (tile == 0) tile = samples_;
        for (std::int64_t x = 0; x < samples_; x += tile) {
            const std::int64_t count = std::min(tile, samples_ - x);
            for (std::int64_t i = y; i < end; ++i) {
                row(i, x, count, out(i) + x);
                done(i, x, count);
            }
        }
    }

  private:
    /// Bound on the groups of a band, so that they stay in the L2 cache.
    static constexpr std::int64_t kMaxBytes = std::int64_t{768} << 10;

    std::int64_t groups_end(std::int64_t y) const { return vertical_.span(y).first + vertical_.span(y).count; }

    /// Halves the band until its groups fit into kMaxBytes. Returns their maximum number.
    std::int64_t fit_band(std::int64_t first, std::int64_t end) {
        whole_band_ = band_;
        for (;; band_ = (band_ + 1) / 2) {
            std::int64_t max_groups = 0;
            for (std::int64_t y = first; y < end; y += band_) {
                max_groups = std::max(max_groups, groups_end(std::min(end, y + band_) - 1) - vertical_.span(y).first);
            }
            // A band that ends early, at a multiple of the whole band, may need one group more.
            if (band_ == 1 || (max_groups + 1) * samples_ * kernel_.bytes_per_column <= kMaxBytes) {
                return max_groups + 1;
            }
        }
    }

    void row(std::int64_t y, std::int64_t x, std::int64_t count, std::uint8_t* out) {
        const auto& span = vertical_.span(y);
        for (std::int64_t i = 0; i < span.count; ++i) {
            groups_[static_cast<std::size_t>(i)] = ring_[span.first + i] + x * kernel_.bytes_per_column;
        }
        vertical_.run(span, groups_.data(), count, out);
    }

    void step() {
        std::array<const std::uint8_t*, kMaxRowsInCall> rows;
        std::array<std::uint8_t*, kMaxRowsInCall> groups;
        const std::int64_t first = end_group_ * kernel_.rows_in_group;
        for (int i = 0; i < rows_in_step_; ++i) rows[static_cast<std::size_t>(i)] = source_.get(first + i, i);
        const int count = rows_in_step_ / kernel_.rows_in_group;
        for (int i = 0; i < count; ++i) groups[static_cast<std::size_t>(i)] = ring_[end_group_ + i];
        if (horizontal_ != nullptr) {
            (**horizontal_).run(rows.data(), groups.data(), source_.ahead(first, rows_in_step_));
        } else {
            kernel_.interleave(rows.data(), samples_, groups[0]);
        }
        end_group_ += count;
    }

    const Kernel& kernel_;
    const RowPass* horizontal_;
    const VerticalPass& vertical_;
    std::int64_t samples_;
    int rows_in_step_;
    std::int64_t band_;        // rows
    std::int64_t whole_band_;  // before fit_band halves it
    SourceRows source_;
    GroupRing ring_;
    std::vector<const std::uint8_t*> groups_;
    std::int64_t end_group_;  // number of computed groups
};

/// Runs the vertical pass alone, or horizontal then vertical.
void Resampling::vertical_last(std::int64_t first, std::int64_t end, Workspace& workspace, RowSink& sink) const {
    Columns columns(*this, horizontal_.get(), size_.width, first, end, sink.band(), workspace);
    for (std::int64_t y = first, count; y < end; y += count) {
        count = columns.rows_from(y, end);
        columns.rows(
            y, y + count, sink.tile(), [&](std::int64_t i) { return sink.row(i); },
            [&](std::int64_t i, std::int64_t x, std::int64_t samples) { sink.done(i, x, samples); });
    }
}

/// Runs the horizontal pass alone, or vertical then horizontal.
void Resampling::horizontal_last(std::int64_t first, std::int64_t end, Workspace& workspace, RowSink& sink) const {
    const int in_group = kernel_.rows_in_group, in_call = kernel_.rows_in_call;
    const std::int64_t samples = kChannels * size_.width, pitch = row_pitch(source_.width);
    GroupRing results(kernel_, samples, in_call / in_group, workspace.results);
    // Rows after the vertical pass, and one to discard: a call computes in_call rows even if fewer are left.
    std::uint8_t* between = workspace.rows.get(in_call * pitch + samples);
    std::uint8_t* discarded = between + in_call * pitch;
    std::optional<Columns> columns;
    std::optional<SourceRows> source;
    if (vertical_) {
        columns.emplace(*this, nullptr, source_.width, first, end, in_call, workspace);
    } else {
        source.emplace(kernel_, source_, workspace.fetched);
    }

    std::array<const std::uint8_t*, kMaxRowsInCall> rows;
    std::array<std::uint8_t*, kMaxRowsInCall> groups;
    std::array<std::uint8_t*, kMaxRowsInCall> out;
    for (std::int64_t y = first; y < end; y += in_call) {
        const int rows_left = static_cast<int>(std::min<std::int64_t>(in_call, end - y));
        for (std::int64_t i = y, count; vertical_ && i < y + rows_left; i += count) {
            count = columns->rows_from(i, y + rows_left);
            columns->rows(
                i, i + count, kTile, [&](std::int64_t at) { return between + (at - y) * pitch; },
                [](std::int64_t, std::int64_t, std::int64_t) {});
        }
        for (int i = 0; i < in_call; ++i) {
            const auto slot = static_cast<std::size_t>(i);
            rows[slot] = vertical_ ? between + std::min(i, rows_left - 1) * pitch
                                   : source->get(y + std::min(i, rows_left - 1), i);
            groups[slot] = results[i];
            out[slot] = i < rows_left ? sink.row(y + i) : discarded;
        }
        (**horizontal_).run(rows.data(), groups.data(), source ? source->ahead(y, in_call) : 0);
        for (int i = 0; i < rows_left; i += in_group) {
            const auto slot = static_cast<std::size_t>(i);
            kernel_.deinterleave(groups[slot / static_cast<std::size_t>(in_group)], samples, out.data() + slot);
        }
        for (int i = 0; i < rows_left; ++i) sink.done(y + i, 0, samples);
    }
}

}  // namespace saccade
