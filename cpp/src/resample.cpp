#include "resample.h"

#include <algorithm>
#include <memory>
#include <new>

#include "resample_passes.h"

namespace saccade {
namespace {

bool vertical_first(const Image& source, std::int64_t width, std::int64_t height, PassOrder order) {
    return order == PassOrder::kPillow13 && height < source.height &&
           source.height - height > 2 * (source.width - width);
}

void copy(const Image& source, std::uint8_t* target) {
    for (std::int64_t y = 0; y < source.height; ++y) {
        target = std::copy_n(source.row(y), kChannels * source.width, target);
    }
}

/// The part of an image that a vertical pass reads.
Image rows(const Image& image, std::int64_t first, std::int64_t end) {
    return {image.row(first), image.width, end - first, image.stride};
}

/// Packed RGB between the passes.
class Between {
  public:
    Between(std::int64_t width, std::int64_t height) : width_(width), height_(height) {
        const std::int64_t bytes = checked_multiply(kChannels * width, height, "image between the passes");
        pixels_ = std::make_unique_for_overwrite<std::uint8_t[]>(static_cast<std::size_t>(bytes));
    }
    std::uint8_t* pixels() { return pixels_.get(); }
    Image image() const { return {pixels_.get(), width_, height_, kChannels * width_}; }

  private:
    std::int64_t width_;
    std::int64_t height_;
    std::unique_ptr<std::uint8_t[]> pixels_;
};

}  // namespace

void resize(const Image& source, std::int64_t width, std::int64_t height, PassOrder order, std::uint8_t* target,
            std::int64_t capacity) {
    check_image(source, "image");
    if (width < 1 || width > kMaxSide || height < 1 || height > kMaxSide) {
        reject("size is ", width, "x", height, "; its sides must be from 1 to ", kMaxSide);
    }
    check_capacity(capacity, checked_multiply(kChannels * width, height, "size"), "target");
    if (order != PassOrder::kHorizontal && order != PassOrder::kPillow13) {
        reject("pass_order is ", static_cast<std::int32_t>(order), "; it must be 0 (horizontal) or 1 (pillow13)");
    }

    // A side that keeps its length needs no pass: its weights would be one 1 each.
    if (width == source.width && height == source.height) return copy(source, target);
    if (height == source.height) return horizontal_pass(source, bicubic_weights(source.width, width), target);
    const AxisWeights vertical = bicubic_weights(source.height, height);
    const std::int64_t first = vertical.spans.front().first;
    if (width == source.width) return vertical_pass(source, vertical, 0, target);
    const AxisWeights horizontal = bicubic_weights(source.width, width);
    if (vertical_first(source, width, height, order)) {
        Between between(source.width, height);
        vertical_pass(source, vertical, 0, between.pixels());
        horizontal_pass(between.image(), horizontal, target);
    } else {
        const Image used = rows(source, first, vertical.input_end());
        Between between(width, used.height);
        horizontal_pass(used, horizontal, between.pixels());
        vertical_pass(between.image(), vertical, first, target);
    }
}

}  // namespace saccade
