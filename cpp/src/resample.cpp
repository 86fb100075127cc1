#include "resample.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "pass_cache.h"

namespace saccade {
namespace {

constexpr std::int64_t kMostRowsInCall = 16;

std::int64_t round_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

}  // namespace

void check_resize(const Image& source, const ImageSize& size, PassOrder order) {
    const auto [width, height] = size;
    check_image(source, "image");
    check_side(width, "target_width");
    check_side(height, "target_height");
    if (order != PassOrder::kHorizontal && order != PassOrder::kPillow13) {
        reject("pass_order is ", static_cast<std::int32_t>(order), "; it must be 0 (horizontal) or 1 (pillow13)");
    }
}

/// Rows of the source as kernels read them: RGB, and readable past their end. Most rows of an RGB image are read where
/// they are, since others follow them; its last ones are copied, rows of other formats converted.
class Resampling::SourceRows {
  public:
    SourceRows(const Kernel& kernel, const Image& source, AlignedBytes& memory)
        : kernel_(kernel), source_(source), pitch_(row_pitch(source.width)) {
        const std::int64_t rows_of_slack = (kRowSlack + source.stride - 1) / source.stride;
        in_place_ = source.format == PixelFormat::kRgb ? source.height - rows_of_slack : 0;
        slots_ = memory.get(kMostRowsInCall * pitch_);
    }

    /// Row y, or the last one where y is beyond it; valid until another is asked for with the same slot.
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

    /// How many bytes `count` rows are behind those before them, which begin at row y; 0 where they are not read in
    /// place.
    std::int64_t ahead(std::int64_t y, std::int64_t count) const {
        return y + 2 * count <= in_place_ ? count * source_.stride : 0;
    }

  private:
    const Kernel& kernel_;
    Image source_;
    std::int64_t pitch_;
    std::int64_t in_place_;  // rows before it can be read where they are
    std::uint8_t* slots_;
};

/// The groups that the vertical pass needs next; older ones are overwritten.
class Resampling::GroupRing {
  public:
    GroupRing(const Kernel& kernel, std::int64_t samples, std::int64_t groups, AlignedBytes& memory)
        : pitch_(round_up((samples + kGroupSlack) * kernel.bytes_a_column, 64) + 64) {
        while (size_ < groups) size_ *= 2;
        memory_ = memory.get(checked_multiply(size_, pitch_, "rows between the passes"));
    }
    std::uint8_t* operator[](std::int64_t group) { return memory_ + (group & (size_ - 1)) * pitch_; }

  private:
    std::int64_t size_ = 1;
    std::int64_t pitch_;  // not a power of two: groups would share the sets of the cache
    std::uint8_t* memory_;
};

Resampling::Resampling(const Kernel& kernel, const Image& source, const ImageSize& size, PassOrder order)
    : kernel_(kernel), source_(source), size_(size) {
    const auto [width, height] = size;
    vertical_first_ =
        order == PassOrder::kPillow13 && height < source.height && source.height - height > 2 * (source.width - width);
    if (width != source.width) {
        horizontal_ = RecentPasses<RowPass>::of_thread().get(kernel, source.width, width);
    }
    if (height != source.height) {
        vertical_ = RecentPasses<VerticalPass>::of_thread().get(kernel, source.height, height);
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
           kMostRowsInCall * size_.height / source_.height;
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

/// The vertical pass over the source, or over what the horizontal pass makes of it, a band of rows at a time: first the
/// groups that it needs, over their whole width, then the rows, tile by tile.
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
          used_(static_cast<std::size_t>(vertical_.most())),
          made_(vertical_.span(first).first) {}

    /// Rows that the next call of `rows` makes, from y on.
    std::int64_t rows_from(std::int64_t y, std::int64_t end) const {
        return std::min(end, y - y % whole_band_ + round_up(y % whole_band_ + 1, band_)) - y;
    }

    /// Makes rows [y, end), which follow those made before: row y goes to out(y), done(y, x, count) hears of its
    /// samples.
    template <typename Out, typename Done>
    void rows(std::int64_t y, std::int64_t end, std::int64_t tile, Out out, Done done) {
        while (made_ < groups_end(end - 1)) step();
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
    /// Of the groups of a band: more would not stay in the second cache.
    static constexpr std::int64_t kMostBytes = std::int64_t{768} << 10;

    std::int64_t groups_end(std::int64_t y) const { return vertical_.span(y).first + vertical_.span(y).count; }

    /// Makes the band lower until its groups fit; returns how many there are at most.
    std::int64_t fit_band(std::int64_t first, std::int64_t end) {
        whole_band_ = band_;
        for (;; band_ = (band_ + 1) / 2) {
            std::int64_t most = 0;
            for (std::int64_t y = first; y < end; y += band_) {
                most = std::max(most, groups_end(std::min(end, y + band_) - 1) - vertical_.span(y).first);
            }
            // Bands that end early, at a multiple of the whole one, begin elsewhere and may need one group more.
            if (band_ == 1 || (most + 1) * samples_ * kernel_.bytes_a_column <= kMostBytes) return most + 1;
        }
    }

    void row(std::int64_t y, std::int64_t x, std::int64_t count, std::uint8_t* out) {
        const auto& span = vertical_.span(y);
        for (std::int64_t i = 0; i < span.count; ++i) {
            used_[static_cast<std::size_t>(i)] = ring_[span.first + i] + x * kernel_.bytes_a_column;
        }
        kernel_.vertical(vertical_.words(span), used_.data(), span.count, count, out);
    }

    void step() {
        std::array<const std::uint8_t*, kMostRowsInCall> rows;
        std::array<std::uint8_t*, kMostRowsInCall> groups;
        const std::int64_t first = made_ * kernel_.rows_in_group;
        for (int i = 0; i < rows_in_step_; ++i) rows[static_cast<std::size_t>(i)] = source_.get(first + i, i);
        const int count = rows_in_step_ / kernel_.rows_in_group;
        for (int i = 0; i < count; ++i) groups[static_cast<std::size_t>(i)] = ring_[made_ + i];
        if (horizontal_ != nullptr) {
            (**horizontal_).run(rows.data(), groups.data(), source_.ahead(first, rows_in_step_));
        } else {
            kernel_.join(rows.data(), samples_, groups[0]);
        }
        made_ += count;
    }

    const Kernel& kernel_;
    const RowPass* horizontal_;
    const VerticalPass& vertical_;
    std::int64_t samples_;
    int rows_in_step_;
    std::int64_t band_;        // rows
    std::int64_t whole_band_;  // before it was made to fit
    SourceRows source_;
    GroupRing ring_;
    std::vector<const std::uint8_t*> used_;
    std::int64_t made_;  // groups before it have been made
};

/// Vertical alone, or horizontal and then vertical.
void Resampling::vertical_last(std::int64_t first, std::int64_t end, Workspace& workspace, RowSink& sink) const {
    Columns columns(*this, horizontal_.get(), size_.width, first, end, sink.band(), workspace);
    for (std::int64_t y = first, count; y < end; y += count) {
        count = columns.rows_from(y, end);
        columns.rows(
            y, y + count, sink.tile(), [&](std::int64_t i) { return sink.row(i); },
            [&](std::int64_t i, std::int64_t x, std::int64_t samples) { sink.done(i, x, samples); });
    }
}

/// Horizontal alone, or vertical and then horizontal.
void Resampling::horizontal_last(std::int64_t first, std::int64_t end, Workspace& workspace, RowSink& sink) const {
    const int in_group = kernel_.rows_in_group, in_call = kernel_.rows_in_call;
    const std::int64_t samples = kChannels * size_.width, pitch = row_pitch(source_.width);
    GroupRing results(kernel_, samples, in_call / in_group, workspace.results);
    // Rows after the vertical pass, and one for what nobody wants: a call makes in_call rows even where fewer are left.
    std::uint8_t* between = workspace.rows.get(in_call * pitch + samples);
    std::uint8_t* unwanted = between + in_call * pitch;
    std::optional<Columns> columns;
    std::optional<SourceRows> source;
    if (vertical_) {
        columns.emplace(*this, nullptr, source_.width, first, end, in_call, workspace);
    } else {
        source.emplace(kernel_, source_, workspace.fetched);
    }

    std::array<const std::uint8_t*, kMostRowsInCall> rows;
    std::array<std::uint8_t*, kMostRowsInCall> groups;
    std::array<std::uint8_t*, kMostRowsInCall> out;
    for (std::int64_t y = first; y < end; y += in_call) {
        const int wanted = static_cast<int>(std::min<std::int64_t>(in_call, end - y));
        for (std::int64_t i = y, count; vertical_ && i < y + wanted; i += count) {
            count = columns->rows_from(i, y + wanted);
            columns->rows(
                i, i + count, kTile, [&](std::int64_t at) { return between + (at - y) * pitch; },
                [](std::int64_t, std::int64_t, std::int64_t) {});
        }
        for (int i = 0; i < in_call; ++i) {
            const auto slot = static_cast<std::size_t>(i);
            rows[slot] =
                vertical_ ? between + std::min(i, wanted - 1) * pitch : source->get(y + std::min(i, wanted - 1), i);
            groups[slot] = results[i];
            out[slot] = i < wanted ? sink.row(y + i) : unwanted;
        }
        (**horizontal_).run(rows.data(), groups.data(), source ? source->ahead(y, in_call) : 0);
        for (int i = 0; i < wanted; i += in_group) {
            const auto slot = static_cast<std::size_t>(i);
            kernel_.split(groups[slot / static_cast<std::size_t>(in_group)], samples, out.data() + slot);
        }
        for (int i = 0; i < wanted; ++i) sink.done(y + i, 0, samples);
    }
}

}  // namespace saccade
