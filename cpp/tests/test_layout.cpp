// Patches, windows and positions: consistency with each other, and errors.
#include <array>
#include <vector>

#include "check.h"
#include "kernels.h"
#include "reference.h"

namespace {

using reference::Bytes;
using Places = std::vector<std::int32_t>;

struct Windows {
    Places index;
    Places boundaries;
};

Windows windows(const std::vector<std::int64_t>& grids, std::int64_t merge, std::int64_t window, std::int64_t patch) {
    const auto count = static_cast<std::int64_t>(grids.size() / 3);
    std::int64_t tokens = 0, boundaries = 0;
    CHECK(saccade_window_index_size(grids.data(), count, merge, window, patch, &tokens, &boundaries) == SACCADE_OK);
    Windows out{Places(static_cast<std::size_t>(tokens)), Places(static_cast<std::size_t>(boundaries))};
    CHECK(saccade_window_index(grids.data(), count, merge, window, patch, out.index.data(), tokens,
                               out.boundaries.data(), boundaries) == SACCADE_OK);
    return out;
}

void test_window_order() {
    for (const int rows : {1, 3, 4, 5, 9, 12}) {
        for (const int columns : {1, 4, 7, 8, 18}) {
            for (const int side : {1, 2, 4}) {
                for (const std::string& kernel : kernels::available()) {
                    const kernels::Using use(kernel);
                    const auto [index, boundaries] = windows({1, 2 * rows, 2 * columns}, 2, 28 * side, 14);
                    const auto order = reference::window_order(rows, columns, side);
                    CHECK(index == Places(order.begin(), order.end()));
                    CHECK(boundaries.front() == 0 && boundaries.back() == 4 * rows * columns);
                }
            }
        }
    }
}

/// Tests row and column of each patch, in blocks and frames.
void test_positions() {
    for (const int merge : {1, 2, 3, 4}) {
        for (const int across : {1, 2, 3, 4, 7, 9}) {
            const int frames = 1 + across % 2, rows = 3 * merge, columns = across * merge;
            const std::vector<std::int64_t> grid{frames, rows, columns};
            Places expected;
            for (int i = 0; i < frames * rows * columns; ++i) {
                const int patch = i % (rows * columns), block = patch / (merge * merge),
                          inner = patch % (merge * merge);
                expected.push_back(block / across * merge + inner / merge);
                expected.push_back(block % across * merge + inner % merge);
            }
            for (const std::string& kernel : kernels::available()) {
                const kernels::Using use(kernel);
                Places positions(expected.size());
                const auto room = static_cast<std::int64_t>(positions.size());
                CHECK(saccade_vision_positions(grid.data(), 1, merge, positions.data(), room) == SACCADE_OK);
                CHECK(positions == expected);
            }
        }
    }
}

void test_frames_and_packs() {
    const auto one = windows({1, 10, 6}, 2, 112, 14), two = windows({2, 10, 6}, 2, 112, 14);
    const auto pack = windows({1, 10, 6, 1, 10, 6}, 2, 112, 14);
    CHECK(two.index == pack.index && two.boundaries == pack.boundaries);
    CHECK(two.index.size() == 2 * one.index.size());
    for (std::size_t i = 0; i < one.index.size(); ++i) CHECK(two.index[i + 15] == one.index[i] + 15);
    // 5 x 3 tokens in windows of 4: rows of 4 and 1, one column of 3.
    CHECK(one.boundaries == Places{0, 48, 60});
}

/// Tests that each native patch is the part of the image at its position.
void test_native_patches() {
    const int patch = 3, merge = 2;
    for (const int rows : {2, 6, 10}) {
        for (const int columns : {2, 8, 14}) {
            const int width = columns * patch, height = rows * patch;
            const Bytes image = reference::noise(static_cast<std::size_t>(width * height * 3), 11);
            Bytes patches(image.size());
            CHECK(saccade_patchify_native(image.data(), width, height, 3 * width, 0, patch, merge, 4 * merge * patch,
                                          patches.data(), static_cast<std::int64_t>(patches.size())) == SACCADE_OK);
            const std::vector<std::int64_t> grid{1, rows, columns};
            Places positions(static_cast<std::size_t>(2 * rows * columns));
            CHECK(saccade_vision_positions(grid.data(), 1, merge, positions.data(), 2 * rows * columns) == SACCADE_OK);
            const auto index = windows(grid, merge, 4 * merge * patch, patch).index;
            Bytes expected;
            for (const int token : index) {
                for (int p = 4 * token; p < 4 * token + 4; ++p) {
                    const int top = positions[static_cast<std::size_t>(2 * p)] * patch;
                    const int left = positions[static_cast<std::size_t>(2 * p + 1)] * patch;
                    for (int i = 0; i < 3 * patch * patch; ++i) {
                        const int y = top + i / patch % patch, x = left + i % patch, c = i / (patch * patch);
                        expected.push_back(image[static_cast<std::size_t>((y * width + x) * 3 + c)]);
                    }
                }
            }
            CHECK(patches == expected);
        }
    }
}

void test_reference_patches() {
    const Bytes image{0, 128, 255};
    const double mean[3] = {0.5, 0.25, 0.0}, std[3] = {0.5, 2.0, 1.0};
    std::array<float, 6> patches{};
    for (const int backend : {SACCADE_BACKEND_PILLOW13, SACCADE_BACKEND_TORCHVISION}) {
        CHECK(saccade_patchify_reference(image.data(), 1, 1, 3, 0, backend, 1, 1, 2, mean, std, patches.data(), 6) ==
              SACCADE_OK);
        const float green = backend == SACCADE_BACKEND_TORCHVISION
                                ? (128.0F - 0.25F * 255.0F) / (2.0F * 255.0F)
                                : (static_cast<float>(128 * (1.0 / 255.0)) - 0.25F) / 2.0F;
        CHECK(patches == std::array<float, 6>{-1.0F, -1.0F, green, green, 1.0F, 1.0F});
    }
}

/// Tests that each image of a batch is normalized for its own backend, and that a mean that overflows when
/// torchvision's multiplies it by 255 is refused there only.
void test_backends_of_a_batch() {
    const Bytes image{3, 77, 200};
    const double mean[3] = {0.48145466, 0.4578275, 0.40821073}, std[3] = {0.26862954, 0.26130258, 0.27577711};
    std::array<float, 3> pillow{}, torchvision{};
    const saccade_batch_image images[] = {
        {image.data(), 1, 1, 3, 0, SACCADE_BACKEND_TORCHVISION, 1, 1, torchvision.data(), 3},
        {image.data(), 1, 1, 3, 0, SACCADE_BACKEND_PILLOW12, 1, 1, pillow.data(), 3}};
    CHECK(saccade_resize_patchify_reference_batch(images, 2, 1, 1, 1, mean, std) == SACCADE_OK);
    for (std::size_t c = 0; c < 3; ++c) {
        CHECK(torchvision[c] == reference::normalized(image[c], mean[c], std[c], SACCADE_BACKEND_TORCHVISION));
        CHECK(pillow[c] == reference::normalized(image[c], mean[c], std[c], SACCADE_BACKEND_PILLOW12));
    }
    CHECK(pillow != torchvision);
    const double large[3] = {0.0, 0.0, 3e38};
    CHECK(saccade_resize_patchify_reference_batch(images + 1, 1, 1, 1, 1, large, std) == SACCADE_OK);
    CHECK(check::refused(saccade_resize_patchify_reference_batch(images, 1, 1, 1, 1, large, std),
                         "mean[2]: expected a finite float32, also times 255; got 3e+38"));
}

/// Tests that a call that resizes names its target in errors, not the image.
void test_refused_targets(const Bytes& image, Bytes& patches) {
    const double three[3] = {1, 1, 1};
    const auto room = static_cast<std::int64_t>(patches.size());
    std::array<float, 1> floats{};
    const auto native = [&](std::int64_t width, std::int64_t height) {
        return saccade_resize_patchify_native(image.data(), 28, 28, 84, 0, width, height, 1, 14, 2, 0, patches.data(),
                                              room);
    };
    const auto reference = [&](std::int64_t width, std::int64_t height, std::int64_t frames) {
        return saccade_resize_patchify_reference(image.data(), 28, 28, 84, 0, width, height, 1, 14, 2, frames, three,
                                                 three, floats.data(), 1);
    };
    CHECK(check::refused(native(0, 28), "target_width: expected 1 to 67108864; got 0"));
    CHECK(check::refused(native(30, 28),
                         "target_width: expected a multiple of patch_size 14 x merge_size 2 = 28; got 30"));
    CHECK(check::refused(reference(28, 30, 2),
                         "target_height: expected a multiple of patch_size 14 x merge_size 2 = 28; got 30"));
    CHECK(check::refused(reference(28, 28, 0), "temporal_patch_size: expected 1 to 67108864; got 0"));
    CHECK(check::refused(
        saccade_patchify_reference(image.data(), 28, 28, 84, 0, 1, 14, 2, 0, three, three, floats.data(), 1),
        "temporal_patch_size: expected 1 to 67108864; got 0"));
}

void test_refusals() {
    const std::vector<std::int64_t> grids{1, 4, 4, 1, 3, 4};
    const Bytes image(28 * 28 * 3);
    Places index(4, 7), boundaries(2, 7);
    std::int64_t tokens = -5, count = -5;
    CHECK(check::refused(saccade_window_index_size(grids.data(), 2, 2, 112, 14, &tokens, &count),
                         "grids[1]: expected rows and columns divisible by merge_size 2; got (1, 3, 4)"));
    CHECK(check::refused(saccade_window_index_size(grids.data(), 0, 2, 112, 14, &tokens, &count),
                         "grids: expected at least 1 entry; got 0"));
    CHECK(check::refused(saccade_window_index(grids.data(), 1, 2, 28, 14, index.data(), 4, boundaries.data(), 2),
                         "boundaries: expected room for 5 elements; got 2"));
    CHECK(check::refused(saccade_window_index(grids.data(), 1, 2, 112, 14, index.data(), 3, boundaries.data(), 2),
                         "index: expected room for 4 elements; got 3"));
    CHECK(check::refused(saccade_vision_positions(grids.data(), 1, 2, index.data(), 4),
                         "positions: expected room for 32 elements; got 4"));
    CHECK(check::refused(saccade_patch_count(grids.data(), 1, 0, &count), "merge_size: expected 1 to 67108864; got 0"));
    CHECK(check::refused(saccade_patchify_size(28, 30, 14, 2, 1, &tokens, &count),
                         "height: expected a multiple of patch_size 14 x merge_size 2 = 28; got 30"));
    CHECK(check::refused(saccade_patchify_size(28, 28, 14, 2, 0, &tokens, &count),
                         "frames: expected 1 to 67108864; got 0"));
    CHECK(check::refused(saccade_patchify_size(28, 28, INT64_MAX, 2, 1, &tokens, &count),
                         "patch_size: expected 1 to 67108864; got "));
    Bytes patches(28 * 28 * 3, 7);
    const auto room = static_cast<std::int64_t>(patches.size());
    CHECK(check::refused(saccade_patchify_native(image.data(), 28, 28, 84, 0, 14, 2, 112, patches.data(), room - 1),
                         "patches: expected room for 2352 elements; got 2351"));
    CHECK(check::refused(saccade_patchify_native(image.data(), 28, 28, 84, 0, 14, 2, 27, patches.data(), room),
                         "window_size: expected at least merge_size 2 x patch_size 14 = 28 pixels; got 27"));
    CHECK(check::refused(saccade_patchify_native(image.data(), 27, 28, 84, 0, 14, 2, 27, patches.data(), room),
                         "width: expected a multiple of patch_size 14 x merge_size 2 = 28; got 27"));
    test_refused_targets(image, patches);
    CHECK(index == Places(4, 7) && boundaries == Places(2, 7) && tokens == -5 && count == -5);
    CHECK(patches == Bytes(patches.size(), 7));
}

}  // namespace

int main() {
    test_window_order();
    test_positions();
    test_frames_and_packs();
    test_native_patches();
    test_reference_patches();
    test_backends_of_a_batch();
    test_refusals();
    return check::finish();
}
