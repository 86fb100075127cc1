// Every kernel against the scalar one, on sizes around the widths of vectors, in memory of the exact size.
//     test_kernels [NAME...]      fails unless each of these kernels is available and ran
#include <cstring>
#include <memory>

#include "../src/kernels/kernel.h"
#include "check.h"
#include "kernels.h"
#include "reference.h"

namespace {

using reference::Bytes;

constexpr int kBackends[] = {SACCADE_BACKEND_PILLOW12, SACCADE_BACKEND_PILLOW13, SACCADE_BACKEND_TORCHVISION};

struct Case {
    int width, height, new_width, new_height, gap;
};

/// Pixels in memory of their exact size, so that a sanitizer finds a read past them.
struct Pixels {
    Pixels(const Case& c, std::uint32_t seed) : stride(3 * (c.width + c.gap)) {
        size = static_cast<std::size_t>(stride * (c.height - 1) + 3 * c.width);
        bytes = std::make_unique<std::uint8_t[]>(size);
        const Bytes noise = reference::noise(size, seed);
        for (std::size_t i = 0; i < size; ++i) {
            bytes[i] = seed % 3 != 0 ? noise[i] : static_cast<std::uint8_t>(noise[i] > 127 ? 255 : 0);
        }
    }
    int stride;
    std::size_t size;
    std::unique_ptr<std::uint8_t[]> bytes;
};

Bytes resized(const Case& c, const Pixels& pixels, int backend, const std::string& kernel) {
    const kernels::Using use(kernel);
    CHECK(use.ok());
    Bytes out(static_cast<std::size_t>(3 * c.new_width * c.new_height));
    CHECK(saccade_resize(pixels.bytes.get(), c.width, c.height, pixels.stride, 0, c.new_width, c.new_height, backend,
                         out.data(), static_cast<std::int64_t>(out.size())) == SACCADE_OK);
    CHECK(kernels::ran(kernel));
    return out;
}

Bytes patches(const Case& c, const Pixels& pixels, int patch, const std::string& kernel) {
    const kernels::Using use(kernel);
    Bytes out(static_cast<std::size_t>(3 * c.new_width * c.new_height));
    CHECK(saccade_resize_patchify_native(pixels.bytes.get(), c.width, c.height, pixels.stride, 0, c.new_width,
                                         c.new_height, 1, patch, 1, 2 * patch, out.data(),
                                         static_cast<std::int64_t>(out.size())) == SACCADE_OK);
    CHECK(kernels::ran(kernel));
    return out;
}

void compare(const Case& c, const std::string& kernel) {
    const Pixels pixels(c, static_cast<std::uint32_t>(c.width * 7 + c.new_width));
    for (const int backend : kBackends) {
        if (!CHECK(resized(c, pixels, backend, kernel) == resized(c, pixels, backend, "scalar"))) {
            std::fprintf(stderr, "  %s: %dx%d to %dx%d, backend %d\n", kernel.c_str(), c.width, c.height, c.new_width,
                         c.new_height, backend);
        }
    }
}

/// Compares the SIMD form of the weights with the scalar form.
void test_weights(const std::string& name) {
    const kernels::Using use(name);
    const saccade::Kernel& kernel = saccade::selected_kernel();
    const auto compare_rounding = [&](std::int64_t input, std::int64_t output, saccade::WeightRounding rounding) {
        const saccade::AxisWeights simd = kernel.weights(input, output, rounding),
                                   scalar = saccade::bicubic_weights(input, output, rounding);
        bool same = simd.weights == scalar.weights && simd.spans.size() == scalar.spans.size() &&
                    simd.bits == scalar.bits && simd.largest == scalar.largest;
        for (std::size_t i = 0; same && i < scalar.spans.size(); ++i) {
            const auto &a = simd.spans[i], &b = scalar.spans[i];
            same = a.first == b.first && a.count == b.count && a.offset == b.offset;
        }
        if (!CHECK(same)) {
            std::fprintf(stderr, "  %s: weights from %lld to %lld\n", name.c_str(), static_cast<long long>(input),
                         static_cast<long long>(output));
        }
    };
    const auto compare_axis = [&](std::int64_t input, std::int64_t output) {
        compare_rounding(input, output, saccade::WeightRounding::kPillow);
        compare_rounding(input, output, saccade::WeightRounding::kTorchvision);
    };
    for (std::int64_t input = 1; input < 120; ++input) {
        for (std::int64_t output = 1; output < 120; ++output) compare_axis(input, output);
    }
    for (const std::int64_t side : {588, 1316, 2160, 2380, 3836, 3840, 4004, 100003}) {
        for (const std::int64_t other : {1, 28, 336, 728, 1344, 2156, 4000, 9000}) {
            compare_axis(side, other);
            compare_axis(other, side);
        }
    }
}

void test_sizes(const std::string& kernel) {
    const int sides[] = {1, 2, 3, 5, 15, 16, 17, 21, 31, 33, 63, 64, 65, 97};
    for (const int width : sides) {
        for (const int new_width : sides) {
            compare({width, 13, new_width, 7, width % 3}, kernel);
            compare({width, 5, new_width, 21, 0}, kernel);
            compare({7, width, 11, new_width, 1}, kernel);
            compare({64, width, 64, new_width, 0}, kernel);
            compare({width, 9, new_width, 9, 0}, kernel);
        }
    }
    for (const int shrink : {2, 3, 4, 6, 7, 8, 11, 20, 40}) {
        compare({50 * shrink, 9, 50, 4, 0}, kernel);
        compare({50 * shrink + 1, 3 * shrink, 49, 3, 2}, kernel);
        compare({19, 10 * shrink, 21, 10, 0}, kernel);
    }
}

/// Tests axes whose largest 16-bit weight does not fit into two signed bytes, and axes just below that. On two-tone
/// images, digits of such weights that are not widened give other pixels.
void test_large_narrow_weights(const std::string& kernel) {
    bool some_larger = false, some_fit = false;
    const std::pair<int, int> axes[] = {{115, 27}, {122, 7}, {174, 20}, {195, 194},
                                        {114, 27}, {123, 7}, {5, 5},    {1, 9}};
    for (const auto& [input, output] : axes) {
        const auto axis = saccade::bicubic_weights(input, output, saccade::WeightRounding::kTorchvision);
        some_larger = some_larger || axis.largest > saccade::kMaxTwoDigits;
        some_fit = some_fit || axis.largest <= saccade::kMaxTwoDigits;
        for (const auto& [other, new_other] : axes) compare({input, other, output, new_other, 0}, kernel);
    }
    CHECK(some_larger && some_fit);
}

/// Tests images so wide that the groups of a whole band exceed the cache, so that the band is halved.
void test_low_bands(const std::string& kernel) {
    for (const auto& [width, height] : {std::pair{3900, 420}, {9000, 420}}) {
        const Case c{width, height, 3892, 42, 0};
        compare(c, kernel);
        const Pixels pixels(c, 3);
        CHECK(patches(c, pixels, 14, kernel) == patches(c, pixels, 14, "scalar"));
    }
}

void test_patches(const std::string& kernel) {
    for (const int patch : {1, 3, 13, 14, 15, 16, 17}) {
        for (const int count : {1, 2, 5}) {
            for (const auto& [width, height] : {std::pair{70, 90}, {5, 3}, {count * patch, 2 * patch}}) {
                const Case c{width, height, count * patch, 2 * patch, 0};
                const Pixels pixels(c, 11);
                CHECK(patches(c, pixels, patch, kernel) == patches(c, pixels, patch, "scalar"));
            }
        }
    }
}

std::vector<float> resized_reference_patches(const Case& c, const Pixels& pixels, int backend, int patch,
                                             const double* mean, const double* std, const std::string& kernel) {
    const kernels::Using use(kernel);
    std::vector<float> out(static_cast<std::size_t>(6 * c.new_width * c.new_height));
    CHECK(saccade_resize_patchify_reference(pixels.bytes.get(), c.width, c.height, pixels.stride, 0, c.new_width,
                                            c.new_height, backend, patch, 2, 2, mean, std, out.data(),
                                            static_cast<std::int64_t>(out.size())) == SACCADE_OK);
    return out;
}

/// Compares the bits of floats, for the models' means and deviations and for some that need the table.
void test_reference_patches(const std::string& kernel) {
    const double usual[4][3] = {{0.48145466, 0.4578275, 0.40821073},
                                {0.26862954, 0.26130258, 0.27577711},
                                {0.485, 0.456, 0.406},
                                {0.229, 0.224, 0.225}};
    const double half[3] = {0.5, 0.5, 0.5}, unusual[3] = {1e-39, -1e36, 1e-45}, large[3] = {1e36, -1e-42, 0.0};
    const std::pair<const double*, const double*> cases[] = {
        {usual[0], usual[1]}, {usual[2], usual[3]}, {half, half}, {half, unusual}, {large, usual[1]}, {large, unusual}};
    for (const int patch : {1, 3, 4, 14, 16}) {
        const Case c{70, 50, 6 * patch, 4 * patch, 0};
        const Pixels pixels(c, 4);
        for (const auto& [mean, std] : cases) {
            for (const int backend : {SACCADE_BACKEND_PILLOW13, SACCADE_BACKEND_TORCHVISION}) {
                const auto output = resized_reference_patches(c, pixels, backend, patch, mean, std, kernel);
                const auto scalar_output = resized_reference_patches(c, pixels, backend, patch, mean, std, "scalar");
                CHECK(std::memcmp(output.data(), scalar_output.data(), output.size() * sizeof(float)) == 0);
            }
        }
    }
}

/// Tests that the computed normalization is exact for the usual means and deviations, for all bytes and any count.
/// Otherwise the table would silently replace it.
void test_normalize(const std::string& name) {
    const kernels::Using use(name);
    const saccade::Kernel& kernel = saccade::selected_kernel();
    if (!CHECK(kernel.normalize != nullptr)) return;
    const std::pair<double, double> usual[] = {
        {0.48145466, 0.26862954}, {0.4578275, 0.26130258}, {0.40821073, 0.27577711}, {0.5, 0.5},
        {0.485, 0.229},           {0.456, 0.224},          {0.406, 0.225},           {0.0, 1.0}};
    for (const auto& [mean, std] : usual) {
        for (int first = 0; first < 256; ++first) {
            const int count = 256 - first;
            const auto bytes = std::make_unique<std::uint8_t[]>(static_cast<std::size_t>(count));
            const auto out = std::make_unique<float[]>(static_cast<std::size_t>(count));
            for (int i = 0; i < count; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(first + i);
            for (const int backend : {SACCADE_BACKEND_PILLOW13, SACCADE_BACKEND_TORCHVISION}) {
                const bool fused = backend == SACCADE_BACKEND_TORCHVISION;
                const float scale = fused ? 255.0F : 1.0F;
                kernel.normalize({static_cast<float>(mean) * scale, static_cast<float>(std) * scale, fused},
                                 bytes.get(), count, out.get());
                for (int i = 0; i < count; ++i) {
                    const float expected =
                        reference::normalized(static_cast<std::uint8_t>(first + i), mean, std, backend);
                    CHECK(std::memcmp(&out[static_cast<std::size_t>(i)], &expected, sizeof expected) == 0);
                }
            }
        }
    }
}

void test_iota(const std::string& name) {
    const kernels::Using use(name);
    const saccade::Kernel& kernel = saccade::selected_kernel();
    for (int count = 0; count < 70; ++count) {
        saccade::Iota iota{{}, {count, -3}, {7, 100 - count}, 1 + count % 4, count, count + count % 3};
        for (int i = 0; i < 16; ++i) iota.first[i] = (i * 7919 + count) % 1000 - 500;
        const auto size = static_cast<std::size_t>((iota.rows - 1) * iota.stride + count);
        const auto output = std::make_unique<std::int32_t[]>(size),
                   scalar_output = std::make_unique<std::int32_t[]>(size);
        kernel.iota(iota, output.get());
        saccade::iota_plain(iota, scalar_output.get());
        CHECK(std::equal(output.get(), output.get() + size, scalar_output.get()));
    }
}

/// Compares other formats, in memory of their exact size, with the same pixels as RGB.
void test_formats(const std::string& kernel) {
    for (const int width : {1, 3, 15, 16, 17, 33, 70}) {
        const int height = 40, gap = width % 2;
        for (const int format : {SACCADE_FORMAT_RGBA, SACCADE_FORMAT_BGRA, SACCADE_FORMAT_GREY}) {
            const int bytes = format == SACCADE_FORMAT_GREY ? 1 : 4, stride = (width + gap) * bytes;
            const auto size = static_cast<std::size_t>(stride * (height - 1) + width * bytes);
            const auto pixels = std::make_unique<std::uint8_t[]>(size);
            const Bytes noise = reference::noise(size, 5);
            std::copy(noise.begin(), noise.end(), pixels.get());
            Bytes rgb(static_cast<std::size_t>(3 * width * height));
            for (int i = 0; i < width * height * 3; ++i) {
                const int channel = bytes == 1 ? 0 : format == SACCADE_FORMAT_BGRA ? 2 - i % 3 : i % 3;
                const int at = i / 3 / width * stride + i / 3 % width * bytes + channel;
                rgb[static_cast<std::size_t>(i)] = pixels[static_cast<std::size_t>(at)];
            }
            for (const auto& [new_width, new_height] : {std::pair{28, 14}, {14, 42}, {width * 14, height * 14}}) {
                Bytes out(static_cast<std::size_t>(3 * new_width * new_height)), expected(out.size());
                const auto room = static_cast<std::int64_t>(out.size());
                const kernels::Using use(kernel);
                CHECK(saccade_resize_patchify_native(pixels.get(), width, height, stride, format, new_width, new_height,
                                                     1, 14, 1, 28, out.data(), room) == SACCADE_OK);
                CHECK(saccade_resize_patchify_native(rgb.data(), width, height, 3 * width, 0, new_width, new_height, 1,
                                                     14, 1, 28, expected.data(), room) == SACCADE_OK);
                CHECK(out == expected);
            }
        }
    }
    std::uint8_t pixel[4] = {}, out[3] = {};
    const auto call = [&](std::int64_t stride, int format) {
        return saccade_resize_patchify_native(pixel, 1, 1, stride, format, 1, 1, 1, 1, 1, 0, out, 3);
    };
    CHECK(check::refused(call(4, 4), "or 3 (grey); got 4"));
    CHECK(check::refused(call(4, -1), "or 3 (grey); got -1"));
    CHECK(check::refused(call(3, SACCADE_FORMAT_BGRA),
                         "image: expected a stride of at least 4 bytes for 1 BGRA pixels; got 3"));
    CHECK(call(1, SACCADE_FORMAT_GREY) == SACCADE_OK);
}

void test_selection() {
    CHECK(saccade_kernel() != nullptr);
    CHECK(check::refused(saccade_select_kernel("sse9"), "; got 'sse9'"));
    CHECK(check::refused(saccade_select_kernel(""), "kernel: expected a kernel of this build and CPU ("));
    CHECK(saccade_select_kernel(nullptr) == SACCADE_OK);
}

}  // namespace

int main(int count, char** names) {
    test_selection();
    for (int i = 1; i < count; ++i) {
        const kernels::Using use(names[i]);
        if (!CHECK(use.ok())) std::fprintf(stderr, "  %s\n", saccade_last_message());
    }
    for (const std::string& kernel : kernels::available()) {
        std::printf("%s\n", kernel.c_str());
        test_formats(kernel);
        if (kernel == "scalar") continue;
        test_weights(kernel);
        test_sizes(kernel);
        test_patches(kernel);
        test_large_narrow_weights(kernel);
        test_low_bands(kernel);
        test_normalize(kernel);
        test_reference_patches(kernel);
        test_iota(kernel);
    }
    return check::finish();
}
