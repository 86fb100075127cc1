// M-RoPE: prompts that match their grids give the positions of the rule; broken prompts are rejected.
#include <cmath>
#include <vector>

#include "input.h"
#include "saccade.h"

namespace {

constexpr std::int64_t kImage = 1, kVideo = 2, kStart = 3;

struct Prompt {
    std::vector<std::int64_t> ids, images, videos;
    std::vector<double> seconds;
    std::vector<std::int32_t> expected;  // triples
    std::int32_t next = 0, largest = 0;

    void put(std::int64_t id, std::int32_t t, std::int32_t h, std::int32_t w) {
        ids.push_back(id);
        expected.insert(expected.end(), {t, h, w});
        for (const std::int32_t position : {t, h, w}) largest = position > largest ? position : largest;
    }
    void text(std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i, ++next) put(10 + i, next, next, next);
    }
    void vision(bool video, bool timed, std::int64_t frames, std::int64_t rows, std::int64_t columns, double gap) {
        auto& grids = video ? videos : images;
        grids.insert(grids.end(), {frames, 2 * rows, 2 * columns});
        if (video && timed) seconds.push_back(gap);
        const std::int32_t start = next;
        for (std::int64_t t = 0; t < frames; ++t) {
            const float time =
                video && timed ? static_cast<float>(t) * (2.0F * static_cast<float>(gap)) : static_cast<float>(t);
            for (std::int64_t h = 0; h < rows; ++h) {
                for (std::int64_t w = 0; w < columns; ++w) {
                    put(video ? kVideo : kImage, start + static_cast<std::int32_t>(std::trunc(time)),
                        start + static_cast<std::int32_t>(h), start + static_cast<std::int32_t>(w));
                }
            }
        }
        next = start + static_cast<std::int32_t>(rows > columns ? rows : columns);
    }
};

Prompt make(fuzz::Input& input) {
    Prompt prompt;
    const bool timed = input.bits(1) % 2 == 0;
    prompt.text(input.between(1, 5));
    for (std::int64_t part = input.between(0, 5); part > 0; --part) {
        prompt.vision(input.bits(1) % 2 == 0, timed, input.between(1, 4), input.between(1, 4), input.between(1, 4),
                      static_cast<double>(input.between(0, 400)) / 97.0);
        prompt.text(input.between(1, 3));
    }
    return prompt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    Prompt source = make(input);
    const bool broken = input.bits(1) % 4 == 0;
    if (broken) source.ids[static_cast<std::size_t>(input.between(0, 1000)) % source.ids.size()] = input.between(0, 5);
    saccade_mrope_prompt prompt{};
    prompt.input_ids = source.ids.data();
    prompt.length = static_cast<std::int64_t>(source.ids.size());
    prompt.image_grids = source.images.data();
    prompt.image_count = static_cast<std::int64_t>(source.images.size() / 3);
    prompt.video_grids = source.videos.data();
    prompt.video_count = static_cast<std::int64_t>(source.videos.size() / 3);
    prompt.seconds_per_grid = source.seconds.data();
    prompt.seconds_count = static_cast<std::int64_t>(source.seconds.size());
    prompt.image_token_id = kImage;
    prompt.video_token_id = kVideo;
    prompt.vision_start_token_id = kStart;
    prompt.merge_size = 2;
    prompt.tokens_per_second = 2;
    std::vector<std::int32_t> positions(3 * source.ids.size());
    std::int64_t delta = 0;
    const int status = saccade_mrope_positions(&prompt, positions.data(), 3 * prompt.length, &delta);
    FUZZ_EXPECT(status == SACCADE_OK || (broken && status == SACCADE_ERROR_INPUT), "%s", saccade_last_message());
    if (broken) return 0;
    for (std::size_t i = 0; i < source.ids.size(); ++i) {
        for (std::size_t axis = 0; axis < 3; ++axis) {
            FUZZ_EXPECT(positions[axis * source.ids.size() + i] == source.expected[3 * i + axis], "token %zu, axis %zu",
                        i, axis);
        }
    }
    FUZZ_EXPECT(delta == source.largest + 1 - prompt.length, "delta");
    return 0;
}
