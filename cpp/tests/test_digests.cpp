// Prints digests of what the core computes, equal on every system and with every kernel.
#include <cinttypes>
#include <span>
#include <string>
#include <vector>

#include "check.h"
#include "kernels.h"

namespace {

struct Case {
    std::int64_t width, height, target_width, target_height;
    std::int32_t format, backend;
};

// Screens, extreme ratios, enlargements.
constexpr Case kCases[] = {
    {1920, 1080, 1316, 728, SACCADE_FORMAT_RGB, SACCADE_BACKEND_PILLOW13},
    {1280, 720, 532, 308, SACCADE_FORMAT_BGRA, SACCADE_BACKEND_PILLOW12},
    {70, 3000, 28, 1120, SACCADE_FORMAT_RGBA, SACCADE_BACKEND_PILLOW13},
    {97, 61, 700, 448, SACCADE_FORMAT_RGB, SACCADE_BACKEND_PILLOW13},
    {4000, 90, 84, 56, SACCADE_FORMAT_GREY, SACCADE_BACKEND_PILLOW12},
    {1920, 1080, 1316, 728, SACCADE_FORMAT_RGB, SACCADE_BACKEND_TORCHVISION},
    {97, 61, 700, 448, SACCADE_FORMAT_BGRA, SACCADE_BACKEND_TORCHVISION},
};
constexpr double kMean[] = {0.48145466, 0.4578275, 0.40821073}, kStd[] = {0.26862954, 0.26130258, 0.27577711};

/// The 64-bit FNV-1a hash of the elements' bytes.
template <typename T>
std::uint64_t digest(const std::vector<T>& values) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const std::byte byte : std::as_bytes(std::span(values))) {
        hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3;
    }
    return hash;
}

std::vector<std::uint8_t> noise(std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    std::uint64_t state = 0;
    for (std::uint8_t& byte : bytes) {
        state = state * 6364136223846793005 + 1442695040888963407;
        byte = static_cast<std::uint8_t>(state >> 56);
    }
    return bytes;
}

std::string digests_of(const Case& c) {
    const std::int64_t channels = c.format == SACCADE_FORMAT_GREY ? 1 : c.format == SACCADE_FORMAT_RGB ? 3 : 4;
    const std::int64_t stride = c.width * channels, pixels = c.target_width * c.target_height;
    const auto source = noise(static_cast<std::size_t>(stride * c.height));
    std::vector<std::uint8_t> resized(static_cast<std::size_t>(3 * pixels)), native(resized.size());
    std::vector<float> floats(2 * resized.size());
    CHECK(saccade_resize(source.data(), c.width, c.height, stride, c.format, c.target_width, c.target_height, c.backend,
                         resized.data(), 3 * pixels) == SACCADE_OK);
    CHECK(saccade_resize_patchify_native(source.data(), c.width, c.height, stride, c.format, c.target_width,
                                         c.target_height, c.backend, 14, 2, 112, native.data(),
                                         3 * pixels) == SACCADE_OK);
    CHECK(saccade_resize_patchify_reference(source.data(), c.width, c.height, stride, c.format, c.target_width,
                                            c.target_height, c.backend, 14, 2, 2, kMean, kStd, floats.data(),
                                            6 * pixels) == SACCADE_OK);
    char line[200];
    std::snprintf(line, sizeof line,
                  "%" PRId64 "x%" PRId64 " to %" PRId64 "x%" PRId64 ", backend %" PRId32 ": %016" PRIx64 " %016" PRIx64
                  " %016" PRIx64,
                  c.width, c.height, c.target_width, c.target_height, c.backend, digest(resized), digest(native),
                  digest(floats));
    return line;
}

std::string digest_of_sizes() {
    std::vector<std::int64_t> sizes;
    for (std::int64_t height = 1; height < 3000; height += 37) {
        for (std::int64_t width = 1; width < 4000; width += 271) {
            std::int64_t out_height = 0, out_width = 0;
            const std::int32_t status = saccade_smart_resize(height, width, 28, 3136, 1003520, &out_height, &out_width);
            sizes.insert(sizes.end(), {status, out_height, out_width});
        }
    }
    char line[40];
    std::snprintf(line, sizeof line, "sizes: %016" PRIx64, digest(sizes));
    return line;
}

}  // namespace

int main() {
    for (const Case& c : kCases) {
        const std::string expected = digests_of(c);
        for (const std::string& kernel : kernels::available()) {
            const kernels::Using use(kernel);
            if (!CHECK(digests_of(c) == expected)) std::fprintf(stderr, "%s\n", kernel.c_str());
        }
        std::puts(expected.c_str());
    }
    std::puts(digest_of_sizes().c_str());
    return check::failures == 0 ? 0 : 1;
}
