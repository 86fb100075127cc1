// Resize: hashes of Pillow's output, the slow reference, strides, capacities.
//     test_resample [KERNEL]      fails unless this kernel computed every image; SACCADE_KERNEL selects it
#include <string>
#include <vector>

#include "check.h"
#include "kernels.h"
#include "reference.h"

namespace {

using reference::Bytes;

std::string expected_kernel;

Bytes resized(const Bytes& image, int width, int height, int new_width, int new_height, int backend) {
    Bytes out(static_cast<std::size_t>(new_width * new_height * 3));
    const int status = saccade_resize(image.data(), width, height, 3 * width, 0, new_width, new_height, backend,
                                      out.data(), static_cast<std::int64_t>(out.size()));
    CHECK(status == SACCADE_OK);
    CHECK(expected_kernel.empty() || kernels::ran(expected_kernel));
    return out;
}

std::uint64_t fnv(const Bytes& bytes) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3ULL;
    return hash;
}

// FNV-1a of np.asarray(Image.fromarray(noise).resize((w, h), BICUBIC)), Pillow 13.0.0.
constexpr struct {
    int width, height, new_width, new_height;
    std::uint64_t hash;
} kPillow[] = {
    {1, 1, 1, 1, 0xe4214b1b473eed46ULL},      {1, 1, 5, 4, 0x9fb9f49a4df39999ULL},
    {7, 5, 1, 1, 0x5891001af7eb59e6ULL},      {61, 97, 56, 84, 0x00d143f84f76bd27ULL},
    {97, 61, 28, 28, 0xb2272bf2d3f2fcc5ULL},  {20, 150, 28, 28, 0x819c1969f726d4bbULL},
    {150, 20, 28, 28, 0xc3f3a6acfd23006dULL}, {30, 90, 60, 28, 0x7dff4e3a1db0984dULL},
    {40, 40, 113, 97, 0x0d3f2f4bc91d94b2ULL}, {33, 21, 33, 50, 0x1cd0e83720f0e5cfULL},
    {33, 21, 12, 21, 0x3a85fae026700aa1ULL},
};

void test_pillow() {
    for (const auto& [width, height, new_width, new_height, hash] : kPillow) {
        const Bytes image = reference::noise(static_cast<std::size_t>(width * height * 3),
                                             static_cast<std::uint32_t>(width * 1000 + height));
        CHECK(fnv(resized(image, width, height, new_width, new_height, SACCADE_BACKEND_PILLOW13)) == hash);
    }
}

void test_small_sizes() {
    for (const int width : {1, 2, 7}) {
        for (const int height : {1, 3, 20}) {
            const Bytes image = reference::noise(static_cast<std::size_t>(width * height * 3), 5);
            for (const int new_width : {1, 2, 9}) {
                for (const int new_height : {1, 4, 13}) {
                    for (const int backend :
                         {SACCADE_BACKEND_PILLOW12, SACCADE_BACKEND_PILLOW13, SACCADE_BACKEND_TORCHVISION}) {
                        CHECK(resized(image, width, height, new_width, new_height, backend) ==
                              reference::resize(image, width, height, new_width, new_height, backend));
                    }
                }
            }
        }
    }
}

/// Tests a crop of a larger image, with gaps between rows and no byte after the last row.
void test_stride() {
    const int width = 9, height = 11, stride = 3 * width + 5;
    const Bytes packed = reference::noise(static_cast<std::size_t>(width * height * 3), 3);
    Bytes apart(static_cast<std::size_t>(stride * (height - 1) + 3 * width), 0xEE);
    for (int y = 0; y < height; ++y)
        std::copy_n(&packed[static_cast<std::size_t>(27 * y)], 27, &apart[static_cast<std::size_t>(stride * y)]);
    for (const auto& [w, h] : {std::pair{4, 5}, {9, 5}, {4, 11}, {9, 11}, {20, 2}}) {
        Bytes out(static_cast<std::size_t>(w * h * 3));
        CHECK(saccade_resize(apart.data(), width, height, stride, 0, w, h, 1, out.data(), w * h * 3) == SACCADE_OK);
        CHECK(out == resized(packed, width, height, w, h, 1));
    }
}

void test_refusals() {
    const Bytes image(3 * 4 * 4, 1);
    Bytes out(3 * 2 * 2, 9);
    const Bytes untouched = out;
    const auto call = [&](std::int64_t w, std::int64_t h, std::int64_t stride, std::int64_t W, std::int64_t H,
                          int backend, std::int64_t capacity) {
        return saccade_resize(image.data(), w, h, stride, 0, W, H, backend, out.data(), capacity);
    };
    CHECK(check::refused(call(0, 4, 12, 2, 2, 1, 12), "image: expected sides from 1 to 67108864; got 0x4"));
    CHECK(check::refused(call(4, INT64_MAX, 12, 2, 2, 1, 12),
                         "image: expected sides from 1 to 67108864; got 4x9223372036854775807"));
    CHECK(check::refused(call(4, 4, 11, 2, 2, 1, 12),
                         "image: expected a stride of at least 12 bytes for 4 RGB pixels; got 11"));
    CHECK(check::refused(call(4, 4, INT64_MAX, 2, 2, 1, 12),
                         "image: expected a size below 2^63; got 9223372036854775807 x 4"));
    CHECK(check::refused(call(4, 4, 12, -2, 2, 1, 12), "target_width: expected 1 to 67108864; got -2"));
    CHECK(check::refused(call(4, 4, 12, 2, 0, 1, 12), "target_height: expected 1 to 67108864; got 0"));
    CHECK(check::refused(call(4, 4, 12, 2, 2, 3, 12),
                         "backend: expected 0 (Pillow 12), 1 (Pillow 13) or 2 (torchvision); got 3"));
    CHECK(check::refused(call(4, 4, 12, 2, 2, -1, 12), "backend: expected 0 (Pillow 12), 1 (Pillow 13)"));
    CHECK(check::refused(call(4, 4, 12, 2, 2, 1, 11), "target: expected room for 12 elements; got 11"));
    CHECK(check::refused(call(4, 4, 12, SACCADE_MAX_SIDE, SACCADE_MAX_SIDE, 1, 12), "target: expected room for "));
    CHECK(out == untouched);
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1) expected_kernel = arguments[1];
    test_pillow();
    test_small_sizes();
    test_stride();
    test_refusals();
    return check::finish();
}
