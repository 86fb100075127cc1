// Resize in every kernel, of every format, as every backend and with any stride, against the slow reference.
#include <vector>

#include "formats.h"
#include "input.h"
#include "kernels.h"
#include "reference.h"
#include "saccade.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const auto side = [&] { return static_cast<int>(input.between(1, input.bits(1) % 8 == 0 ? 300 : 24)); };
    const int width = side(), height = side(), new_width = side(), new_height = side();
    const int backend = static_cast<int>(input.between(0, 2)), gap = static_cast<int>(input.between(0, 9));
    const std::uint32_t seed = input.seed();
    const bool edges = input.bits(1) % 2 == 0;
    if (width * height > 20000 || new_width * new_height > 20000) return 0;

    reference::Bytes image = reference::noise(static_cast<std::size_t>(width * height * 3), seed);
    if (edges) {
        for (auto& byte : image) byte = byte > 127 ? 255 : 0;
    }
    const auto rgb = reference::resize(image, width, height, new_width, new_height, backend);
    for (int format = SACCADE_FORMAT_RGB; format <= SACCADE_FORMAT_GREY; ++format) {
        const int stride = width * formats::bytes_per_pixel(format) + gap;
        const auto source = formats::stored(image, width, format, stride);
        // Channels are independent, so the resized grey image is part of the resized color image.
        const auto expected = formats::as_rgb(rgb, format);
        for (const std::string& kernel : kernels::available()) {
            const kernels::Using use(kernel);
            reference::Bytes out(expected.size());
            const int status = saccade_resize(source.data(), width, height, stride, format, new_width, new_height,
                                              backend, out.data(), static_cast<std::int64_t>(out.size()));
            FUZZ_EXPECT(use.ok() && kernels::ran(kernel) && status == SACCADE_OK && out == expected,
                        "%s: resize of noise(%u)%s, %dx%d to %dx%d, format %d, backend %d, stride %d", kernel.c_str(),
                        seed, edges ? " as edges" : "", width, height, new_width, new_height, format, backend, stride);
        }
    }
    return 0;
}
