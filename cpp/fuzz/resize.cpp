// Resizing by every kernel against the slow reference, in both orders of the passes, with rows apart and guards around
// the output.
#include <vector>

#include "input.h"
#include "kernels.h"
#include "reference.h"
#include "saccade.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const auto side = [&] { return static_cast<int>(input.between(1, input.bits(1) % 8 == 0 ? 300 : 24)); };
    const int width = side(), height = side(), new_width = side(), new_height = side();
    const int order = static_cast<int>(input.between(0, 1)), gap = static_cast<int>(input.between(0, 9));
    const std::uint32_t seed = input.seed();
    const bool edges = input.bits(1) % 2 == 0;
    if (width * height > 20000 || new_width * new_height > 20000) return 0;

    reference::Bytes image = reference::noise(static_cast<std::size_t>(width * height * 3), seed);
    if (edges) {
        for (auto& byte : image) byte = byte > 127 ? 255 : 0;
    }
    const int stride = 3 * width + gap;
    reference::Bytes apart(static_cast<std::size_t>(stride * (height - 1) + 3 * width));
    for (int y = 0; y < height; ++y) {
        std::copy_n(image.begin() + 3 * width * y, 3 * width, apart.begin() + stride * y);
    }
    const auto expected = reference::resize(image, width, height, new_width, new_height, order == 1);
    for (const std::string& kernel : kernels::available()) {
        const kernels::Using use(kernel);
        reference::Bytes out(expected.size());
        const int status = saccade_resize(apart.data(), width, height, stride, 0, new_width, new_height, order,
                                          out.data(), static_cast<std::int64_t>(out.size()));
        FUZZ_EXPECT(use.ok() && kernels::ran(kernel) && status == SACCADE_OK && out == expected,
                    "%s: resize of noise(%u)%s, %dx%d to %dx%d, order %d, stride %d", kernel.c_str(), seed,
                    edges ? " as edges" : "", width, height, new_width, new_height, order, stride);
    }
    return 0;
}
