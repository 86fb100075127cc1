// One to three images in one call, in any format and with rows apart, resized and cut by every kernel: the patches are
// those of the slow resize, and nothing is written beside them.
#include <vector>

#include "input.h"
#include "kernels.h"
#include "reference.h"
#include "saccade.h"

namespace {

constexpr int kPatch = 4, kMerge = 2, kFactor = kPatch * kMerge;
constexpr std::uint8_t kGuard = 0xA5;

struct Case {
    int width = 0, height = 0, columns = 0, rows = 0, order = 0, format = 0, gap = 0;
    std::uint32_t seed = 0;
    reference::Bytes source;

    int stride() const { return width * channels() + gap; }
    int channels() const { return format == SACCADE_FORMAT_RGB ? 3 : format == SACCADE_FORMAT_GREY ? 1 : 4; }
    std::size_t size() const { return static_cast<std::size_t>(3 * rows * columns * kFactor * kFactor); }

    /// The image as RGB, packed.
    reference::Bytes rgb() const {
        reference::Bytes out;
        for (int y = 0; y < height; ++y) {
            for (int x = 0; x < width; ++x) {
                const std::uint8_t* pixel = source.data() + y * stride() + x * channels();
                for (int c = 0; c < 3; ++c) {
                    const int at = format == SACCADE_FORMAT_GREY ? 0 : format == SACCADE_FORMAT_BGRA ? 2 - c : c;
                    out.push_back(pixel[at]);
                }
            }
        }
        return out;
    }

    reference::Bytes patches(int window) const {
        const int new_width = columns * kFactor, new_height = rows * kFactor;
        const auto image = reference::resize(rgb(), width, height, new_width, new_height, order == 1);
        reference::Bytes out;
        for (const int token : reference::window_order(rows, columns, window == 0 ? 1000 : window)) {
            for (int part = 0; part < kMerge * kMerge; ++part) {
                const int top = token / columns * kFactor + part / kMerge * kPatch;
                const int left = token % columns * kFactor + part % kMerge * kPatch;
                for (int c = 0; c < 3; ++c) {
                    for (int y = 0; y < kPatch; ++y) {
                        for (int x = 0; x < kPatch; ++x) {
                            const int at = ((top + y) * new_width + left + x) * 3 + c;
                            out.push_back(image[static_cast<std::size_t>(at)]);
                        }
                    }
                }
            }
        }
        return out;
    }
};

Case make(fuzz::Input& input) {
    Case made;
    const auto side = [&] { return static_cast<int>(input.between(1, input.bits(1) % 8 == 0 ? 200 : 40)); };
    made.width = side(), made.height = side();
    made.columns = static_cast<int>(input.between(1, 7)), made.rows = static_cast<int>(input.between(1, 7));
    made.order = static_cast<int>(input.between(0, 1));
    made.format = static_cast<int>(input.between(SACCADE_FORMAT_RGB, SACCADE_FORMAT_GREY));
    made.gap = static_cast<int>(input.between(0, 5)), made.seed = input.seed();
    // No byte more than the rows need: what reads beyond the last pixel is caught.
    const int bytes = made.stride() * (made.height - 1) + made.width * made.channels();
    made.source = reference::noise(static_cast<std::size_t>(bytes), made.seed);
    return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const int window = static_cast<int>(input.between(0, 4));
    std::vector<Case> cases;
    for (std::int64_t left = input.between(1, 3); left > 0; --left) cases.push_back(make(input));
    std::vector<reference::Bytes> expected;
    for (const Case& one : cases) {
        expected.push_back(one.patches(window));
        expected.back().push_back(kGuard);
    }
    for (const std::string& kernel : kernels::available()) {
        const kernels::Using use(kernel);
        std::vector<reference::Bytes> out;
        std::vector<saccade_batch_image> images;
        for (const Case& one : cases) out.emplace_back(one.size() + 1, kGuard);
        for (std::size_t i = 0; i < cases.size(); ++i) {
            const Case& one = cases[i];
            images.push_back({one.source.data(), one.width, one.height, one.stride(), one.format, one.order,
                              one.columns * kFactor, one.rows * kFactor, out[i].data(),
                              static_cast<std::int64_t>(one.size())});
        }
        const int status = saccade_native_patches_batch(images.data(), static_cast<std::int64_t>(images.size()), kPatch,
                                                        kMerge, window * kFactor);
        FUZZ_EXPECT(use.ok() && status == SACCADE_OK, "%s: %s", kernel.c_str(), saccade_last_message());
        for (std::size_t i = 0; i < cases.size(); ++i) {
            FUZZ_EXPECT(
                out[i] == expected[i],
                "%s: image %zu of %zu, noise(%u), %dx%d to %dx%d tokens, format %d, order %d, gap %d, window %d",
                kernel.c_str(), i, cases.size(), cases[i].seed, cases[i].width, cases[i].height, cases[i].columns,
                cases[i].rows, cases[i].format, cases[i].order, cases[i].gap, window);
        }
    }
    return 0;
}
