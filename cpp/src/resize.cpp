#include "resize.h"

#include "strips.h"

namespace saccade {
namespace {

/// A sink that places rows in packed RGB.
class PackedSink final : public RowSink {
  public:
    PackedSink(std::uint8_t* target, std::int64_t width) : target_(target), pitch_(kChannels * width) {}
    std::int64_t band() const override { return 8; }
    std::int64_t tile() const override { return kTile; }
    std::uint8_t* row(std::int64_t y) override { return target_ + y * pitch_; }
    void done(std::int64_t, std::int64_t, std::int64_t) override {}

  private:
    std::uint8_t* target_;
    std::int64_t pitch_;
};

}  // namespace

void resize(const Image& source, const ImageSize& size, Backend backend, std::uint8_t* target, std::int64_t capacity) {
    const Kernel& kernel = selected_kernel();
    check_resize(source, size, backend);
    check_capacity(capacity, kChannels * size.width * size.height, "target");
    const Resampling plan(kernel, source, size, backend);
    run_strips({{&plan, 1, [&](std::int64_t first, std::int64_t end, Workspace& workspace) {
                     PackedSink sink(target, size.width);
                     plan.strip(first, end, workspace, sink);
                 }}});
}

}  // namespace saccade
