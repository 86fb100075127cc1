// Windows, positions and patches in every kernel: invalid arguments are rejected, and valid arguments give the results
// of the slow reference.
#include <cinttypes>
#include <cstring>
#include <vector>

#include "input.h"
#include "kernels.h"
#include "reference.h"
#include "saccade.h"

namespace {

/// Appends the tokens of a frame in window order, and the end of each of its windows in patches.
void append_windows(int rows, int columns, int side, int patches_per_token, std::vector<std::int32_t>& index,
                    std::vector<std::int32_t>& ends) {
    const auto first = static_cast<std::int32_t>(index.size());
    const auto order = reference::window_order(rows, columns, side);
    const auto window = [&](std::size_t i) { return std::pair(order[i] / columns / side, order[i] % columns / side); };
    for (std::size_t i = 0; i < order.size(); ++i) {
        index.push_back(first + order[i]);
        const bool last = i + 1 == order.size() || window(i) != window(i + 1);
        if (last) ends.push_back(static_cast<std::int32_t>(index.size()) * patches_per_token);
    }
}

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
    const auto in_tokens = static_cast<int>(window / merge / patch), area = static_cast<int>(merge * merge);
    std::vector<std::int32_t> expected, ends{0};
    for (std::size_t g = 0; g < grids.size(); g += 3) {
        const int rows = static_cast<int>(grids[g + 1] / merge), columns = static_cast<int>(grids[g + 2] / merge);
        for (std::int64_t frame = 0; frame < grids[g]; ++frame) {
            append_windows(rows, columns, in_tokens, area, expected, ends);
        }
    }
    FUZZ_EXPECT(tokens == std::ssize(expected) && boundaries == std::ssize(ends),
                "%" PRId64 " tokens, %" PRId64 " boundaries", tokens, boundaries);
    for (const std::string& kernel : kernels::available()) {
        const kernels::Using use(kernel);
        std::vector<std::int32_t> index(expected.size()), output(ends.size());
        const int status = saccade_window_index(grids.data(), count, merge, window, patch, index.data(), tokens,
                                                output.data(), boundaries);
        FUZZ_EXPECT(use.ok() && status == SACCADE_OK && index == expected && output == ends,
                    "%s: window_index: %" PRId64 " grids, first (%" PRId64 ", %" PRId64 ", %" PRId64 "), merge %" PRId64
                    ", window %" PRId64 ", patch %" PRId64,
                    kernel.c_str(), count, grids[0], grids[1], grids[2], merge, window, patch);
    }
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
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
    const auto room = static_cast<std::int64_t>(image.size());
    const auto patchify = [&](std::int64_t window) {
        const auto order =
            reference::window_order(static_cast<int>(rows), static_cast<int>(columns), static_cast<int>(window));
        return reference::patchify(image, static_cast<int>(width), static_cast<int>(patch), static_cast<int>(merge),
                                   order);
    };
    const auto expected = patchify(side == 0 ? columns + rows : side);
    for (const std::string& kernel : kernels::available()) {
        const kernels::Using use(kernel);
        reference::Bytes native(image.size());
        const int status = saccade_patchify_native(image.data(), width, height, 3 * width, 0, patch, merge,
                                                   side * factor, native.data(), room);
        FUZZ_EXPECT(use.ok() && status == SACCADE_OK && kernels::ran(kernel) && native == expected,
                    "%s: patches of %" PRId64 "x%" PRId64 ", patch %" PRId64 ", merge %" PRId64 ", side %" PRId64,
                    kernel.c_str(), width, height, patch, merge, side);
    }
    const int frames = 1 + static_cast<int>(input.bits(1) % 3);
    const fuzz::Normalization by(input);
    const int backend = static_cast<int>(input.bits(1) % 3);
    const auto floats = reference::normalize(patchify(columns + rows), static_cast<int>(patch * patch), frames, by.mean,
                                             by.std, backend);
    for (const std::string& kernel : kernels::available()) {
        const kernels::Using use(kernel);
        std::vector<float> output(floats.size());
        const int status = saccade_patchify_reference(image.data(), width, height, 3 * width, 0, backend, patch, merge,
                                                      frames, by.mean, by.std, output.data(), frames * room);
        const bool right = by.possible(backend)
                               ? status == SACCADE_OK && kernels::ran(kernel) && same_bits(output, floats)
                               : status == SACCADE_ERROR_INPUT && output == std::vector<float>(output.size());
        FUZZ_EXPECT(use.ok() && right,
                    "%s: reference patches of %" PRId64 "x%" PRId64 ", patch %" PRId64 ", merge %" PRId64
                    ", %d frames, backend %d, %s",
                    kernel.c_str(), width, height, patch, merge, frames, backend, by.text().c_str());
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
    std::vector<std::int32_t> expected;
    for (std::size_t g = 0; g < grids.size(); g += 3) {
        const auto rows = static_cast<int>(grids[g + 1]), columns = static_cast<int>(grids[g + 2]);
        const int m = static_cast<int>(merge), across = columns / m;
        for (int at = 0; at < static_cast<int>(grids[g]) * rows * columns; ++at) {
            const int token = at % (rows * columns) / (m * m), part = at % (m * m);
            expected.push_back(token / across * m + part / m);
            expected.push_back(token % across * m + part % m);
        }
    }
    FUZZ_EXPECT(2 * patches == std::ssize(expected), "%" PRId64 " patches", patches);
    for (const std::string& kernel : kernels::available()) {
        const kernels::Using use(kernel);
        std::vector<std::int32_t> positions(expected.size());
        const int status = saccade_vision_positions(grids.data(), count, merge, positions.data(), 2 * patches);
        FUZZ_EXPECT(use.ok() && status == SACCADE_OK && positions == expected,
                    "%s: vision_positions: %" PRId64 " grids, first (%" PRId64 ", %" PRId64 ", %" PRId64
                    "), merge %" PRId64,
                    kernel.c_str(), count, grids[0], grids[1], grids[2], merge);
    }
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
