// Windows, positions and patches: any arguments are refused or served; what is served agrees with the slow reference.
#include <cinttypes>
#include <vector>

#include "input.h"
#include "reference.h"
#include "saccade.h"

namespace {

void windows(fuzz::Input& input) {
    const std::int64_t merge = input.wild(1, 3), side = input.between(1, 5), patch = input.wild(1, 20);
    std::vector<std::int64_t> grids;
    const std::int64_t count = input.between(0, 3);
    const auto extent = [&] {
        const std::int64_t tokens = input.wild(1, 12);
        return tokens >= 1 && tokens <= 12 && merge >= 1 && merge <= 3 ? tokens * merge : tokens;
    };
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t frames = input.wild(1, 3), rows = extent(), columns = extent();
        grids.insert(grids.end(), {frames, rows, columns});
    }
    const std::int64_t window = merge > 0 && merge < 4 && patch > 0 && patch < 21 ? side * merge * patch : side;
    std::int64_t tokens = 0, boundaries = 0;
    if (saccade_window_index_size(grids.data(), count, merge, window, patch, &tokens, &boundaries) != SACCADE_OK)
        return;
    if (tokens > 10000) return;
    std::vector<std::int32_t> index(static_cast<std::size_t>(tokens)), ends(static_cast<std::size_t>(boundaries));
    FUZZ_EXPECT(saccade_window_index(grids.data(), count, merge, window, patch, index.data(), tokens, ends.data(),
                                     boundaries) == SACCADE_OK,
                "%s", saccade_last_message());
    std::vector<std::int32_t> expected;
    for (std::size_t g = 0; g < grids.size(); g += 3) {
        const int rows = static_cast<int>(grids[g + 1] / merge), columns = static_cast<int>(grids[g + 2] / merge);
        for (std::int64_t frame = 0; frame < grids[g]; ++frame) {
            const auto origin = static_cast<std::int32_t>(expected.size());
            for (const int token : reference::window_order(rows, columns, static_cast<int>(side))) {
                expected.push_back(origin + token);
            }
        }
    }
    FUZZ_EXPECT(index == expected,
                "window_index: %" PRId64 " grids, first (%" PRId64 ", %" PRId64 ", %" PRId64 "), merge %" PRId64
                ", window %" PRId64 ", patch %" PRId64,
                count, grids[0], grids[1], grids[2], merge, window, patch);
    for (std::size_t i = 1; i < ends.size(); ++i) {
        FUZZ_EXPECT(ends[i] > ends[i - 1], "an empty window at %zu", i);
    }
}

void patches(fuzz::Input& input) {
    const std::int64_t patch = input.wild(1, 9), merge = input.wild(1, 3), side = input.between(0, 4);
    if (patch < 1 || patch > 9 || merge < 1 || merge > 3) {
        std::uint8_t pixel[3] = {}, out[3] = {};
        FUZZ_EXPECT(saccade_patchify_native(pixel, 1, 1, 3, 0, patch, merge, 0, out, 3) != SACCADE_OK,
                    "patch %" PRId64 ", merge %" PRId64, patch, merge);
        return;
    }
    const std::int64_t rows = input.between(1, 9), columns = input.between(1, 9), factor = patch * merge;
    const std::int64_t width = columns * factor, height = rows * factor;
    const auto image = reference::noise(static_cast<std::size_t>(width * height * 3), input.seed());
    reference::Bytes native(image.size());
    const auto room = static_cast<std::int64_t>(image.size());
    FUZZ_EXPECT(saccade_patchify_native(image.data(), width, height, 3 * width, 0, patch, merge, side * factor,
                                        native.data(), room) == SACCADE_OK,
                "%s", saccade_last_message());
    std::vector<float> plain(image.size());
    const double zero[3] = {0, 0, 0}, scale[3] = {1 / 255.0, 1 / 255.0, 1 / 255.0};
    FUZZ_EXPECT(saccade_patchify_reference(image.data(), width, height, 3 * width, 0, patch, merge, 1, zero, scale,
                                           plain.data(), room) == SACCADE_OK,
                "%s", saccade_last_message());
    const int window = side == 0 ? 1000 : static_cast<int>(side);
    const auto order = reference::window_order(static_cast<int>(rows), static_cast<int>(columns), window);
    const auto block = static_cast<std::size_t>(3 * factor * factor);
    for (std::size_t place = 0; place < order.size(); ++place) {
        for (std::size_t i = 0; i < block; ++i) {
            const float value = plain[static_cast<std::size_t>(order[place]) * block + i];
            FUZZ_EXPECT(native[place * block + i] == static_cast<std::uint8_t>(std::lround(value)),
                        "patches of %" PRId64 "x%" PRId64 ", patch %" PRId64 ", merge %" PRId64 ", side %" PRId64,
                        width, height, patch, merge, side);
        }
    }
}

void vision(fuzz::Input& input) {
    const std::int64_t merge = input.wild(1, 3), count = input.between(0, 3);
    std::vector<std::int64_t> grids;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t frames = input.wild(1, 3), rows = input.wild(1, 9), columns = input.wild(1, 9);
        const std::int64_t whole = merge >= 1 && merge <= 3 && input.bits(1) % 8 != 0 ? merge : 1;
        const auto times = [&](std::int64_t tokens) { return tokens >= 1 && tokens <= 9 ? tokens * whole : tokens; };
        grids.insert(grids.end(), {frames, times(rows), times(columns)});
    }
    std::int64_t patches = -1;
    if (saccade_patch_count(grids.data(), count, merge, &patches) != SACCADE_OK || patches > 10000) return;
    std::vector<std::int32_t> positions(static_cast<std::size_t>(2 * patches)), expected;
    FUZZ_EXPECT(saccade_vision_positions(grids.data(), count, merge, positions.data(), 2 * patches) == SACCADE_OK, "%s",
                saccade_last_message());
    for (std::size_t g = 0; g < grids.size(); g += 3) {
        const auto rows = static_cast<int>(grids[g + 1]), columns = static_cast<int>(grids[g + 2]);
        const int m = static_cast<int>(merge), across = columns / m;
        for (int at = 0; at < static_cast<int>(grids[g]) * rows * columns; ++at) {
            const int token = at % (rows * columns) / (m * m), part = at % (m * m);
            expected.push_back(token / across * m + part / m);
            expected.push_back(token % across * m + part % m);
        }
    }
    FUZZ_EXPECT(positions == expected, "vision_positions: %" PRId64 " grids, merge %" PRId64, count, merge);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    switch (input.bits(1) % 3) {
        case 0:
            windows(input);
            break;
        case 1:
            patches(input);
            break;
        default:
            vision(input);
    }
    return 0;
}
