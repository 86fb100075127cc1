// Batches of one to three images of any format and stride, in every kernel. The patches equal those of the slow resize,
// as bytes and as normalized floats, and guards after them stay intact.
#include <cstring>
#include <vector>

#include "formats.h"
#include "input.h"
#include "kernels.h"
#include "reference.h"
#include "saccade.h"

namespace {

constexpr int kPatch = 4, kMerge = 2, kFactor = kPatch * kMerge, kNoWindows = 1000;
constexpr std::uint8_t kGuard = 0xA5;

struct Case {
    int width = 0, height = 0, columns = 0, rows = 0, backend = 0, format = 0, gap = 0;
    std::uint32_t seed = 0;
    reference::Bytes source, resized;

    int stride() const { return width * formats::bytes_per_pixel(format) + gap; }
    reference::Bytes patches(int window) const {
        return reference::patchify(resized, columns * kFactor, kPatch, kMerge,
                                   reference::window_order(rows, columns, window == 0 ? kNoWindows : window));
    }
};

Case make(fuzz::Input& input) {
    Case result;
    const auto side = [&] { return static_cast<int>(input.between(1, input.bits(1) % 8 == 0 ? 200 : 40)); };
    result.width = side(), result.height = side();
    result.columns = static_cast<int>(input.between(1, 7)), result.rows = static_cast<int>(input.between(1, 7));
    result.backend = static_cast<int>(input.between(0, 2));
    result.format = static_cast<int>(input.between(SACCADE_FORMAT_RGB, SACCADE_FORMAT_GREY));
    result.gap = static_cast<int>(input.between(0, 5)), result.seed = input.seed();
    const auto image = reference::noise(static_cast<std::size_t>(result.width * result.height * 3), result.seed);
    result.source = formats::stored(image, result.width, result.format, result.stride());
    result.resized = reference::resize(formats::as_rgb(image, result.format), result.width, result.height,
                                       result.columns * kFactor, result.rows * kFactor, result.backend);
    return result;
}

/// The expected output of each image, with a guard after it.
template <typename Value>
using Outputs = std::vector<std::vector<Value>>;

/// Runs the batch function `call` in every kernel and compares its outputs; `description` names its arguments. Invalid
/// arguments must leave all outputs untouched.
template <typename Value, typename Call>
void compare(const std::vector<Case>& cases, const Outputs<Value>& expected, bool possible,
             const std::string& description, Call call) {
    for (const std::string& kernel : kernels::available()) {
        const kernels::Using use(kernel);
        Outputs<Value> out;
        std::vector<saccade_batch_image> images;
        for (std::size_t i = 0; i < cases.size(); ++i) {
            const Case& one = cases[i];
            out.emplace_back(expected[i].size(), Value{kGuard});
            images.push_back({one.source.data(), one.width, one.height, one.stride(), one.format, one.backend,
                              one.columns * kFactor, one.rows * kFactor, out[i].data(),
                              static_cast<std::int64_t>(out[i].size()) - 1});
        }
        const int status = call(images.data(), static_cast<std::int64_t>(images.size()));
        FUZZ_EXPECT(use.ok() && status == (possible ? SACCADE_OK : SACCADE_ERROR_INPUT), "%s, %s: %s", kernel.c_str(),
                    description.c_str(), saccade_last_message());
        FUZZ_EXPECT(!possible || kernels::ran(kernel), "%s, but %s ran", kernel.c_str(), saccade_last_kernel());
        for (std::size_t i = 0; i < cases.size(); ++i) {
            const Case& one = cases[i];
            FUZZ_EXPECT(std::memcmp(out[i].data(), expected[i].data(), out[i].size() * sizeof(Value)) == 0,
                        "%s: image %zu of %zu, noise(%u), %dx%d to %dx%d tokens, format %d, backend %d, gap %d, %s",
                        kernel.c_str(), i, cases.size(), one.seed, one.width, one.height, one.columns, one.rows,
                        one.format, one.backend, one.gap, description.c_str());
        }
    }
}

void native(const std::vector<Case>& cases, int window) {
    Outputs<std::uint8_t> expected;
    for (const Case& one : cases) {
        expected.push_back(one.patches(window));
        expected.back().push_back(kGuard);
    }
    const std::string description = "window " + std::to_string(window);
    compare(cases, expected, true, description, [&](const saccade_batch_image* images, std::int64_t count) {
        return saccade_resize_patchify_native_batch(images, count, kPatch, kMerge, window * kFactor);
    });
}

void floats(const std::vector<Case>& cases, int frames, const fuzz::Normalization& by) {
    Outputs<float> expected;
    bool possible = true;
    for (const Case& one : cases) possible = possible && by.possible(one.backend);
    for (const Case& one : cases) {
        expected.push_back(reference::normalize(one.patches(0), kPatch * kPatch, frames, by.mean, by.std, one.backend));
        if (!possible) expected.back().assign(expected.back().size(), kGuard);
        expected.back().push_back(kGuard);
    }
    const std::string description = std::to_string(frames) + " frames, " + by.text();
    compare(cases, expected, possible, description, [&](const saccade_batch_image* images, std::int64_t count) {
        return saccade_resize_patchify_reference_batch(images, count, kPatch, kMerge, frames, by.mean, by.std);
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const int window = static_cast<int>(input.between(0, 4));
    std::vector<Case> cases;
    for (std::int64_t left = input.between(1, 3); left > 0; --left) cases.push_back(make(input));
    const int frames = 1 + static_cast<int>(input.bits(1) % 3);
    const fuzz::Normalization by(input);
    native(cases, window);
    floats(cases, frames, by);
    return 0;
}
