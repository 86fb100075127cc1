// M-RoPE positions computed by hand, and prompts that do not match their grids.
#include <cstdint>
#include <limits>
#include <vector>

#include "check.h"

namespace {

constexpr std::int64_t kImage = 100, kVideo = 101, kStart = 102;

struct Prompt {
    std::vector<std::int64_t> ids;
    std::vector<std::int64_t> images = {};
    std::vector<std::int64_t> videos = {};
    std::vector<double> seconds = {};
    std::int64_t tokens_per_second = 2;

    saccade_mrope_prompt view() const {
        return {.input_ids = ids.data(),
                .length = static_cast<std::int64_t>(ids.size()),
                .image_grids = images.data(),
                .image_count = static_cast<std::int64_t>(images.size() / 3),
                .video_grids = videos.data(),
                .video_count = static_cast<std::int64_t>(videos.size() / 3),
                .seconds_per_grid = seconds.data(),
                .seconds_count = static_cast<std::int64_t>(seconds.size()),
                .image_token_id = kImage,
                .video_token_id = kVideo,
                .vision_start_token_id = kStart,
                .merge_size = 2,
                .tokens_per_second = tokens_per_second};
    }
};

struct Answer {
    std::vector<std::int32_t> positions;
    std::int64_t delta;
};

Answer solve(const Prompt& prompt) {
    const auto view = prompt.view();
    Answer answer{std::vector<std::int32_t>(3 * prompt.ids.size()), 0};
    CHECK(saccade_mrope_positions(&view, answer.positions.data(), 3 * view.length, &answer.delta) == SACCADE_OK);
    return answer;
}

void test_text() {
    const auto [positions, delta] = solve({.ids = {5, 6, 7}});
    CHECK(positions == std::vector<std::int32_t>{0, 1, 2, 0, 1, 2, 0, 1, 2} && delta == 0);
}

void test_image() {  // 2 x 3 tokens from position 2 on; what follows starts at 2 + 3
    const auto [positions, delta] =
        solve({.ids = {5, kStart, kImage, kImage, kImage, kImage, kImage, kImage, 9}, .images = {1, 4, 6}});
    CHECK(positions == std::vector<std::int32_t>{0, 1, 2, 2, 2, 2, 2, 2, 5,  //
                                                 0, 1, 2, 2, 2, 3, 3, 3, 5,  //
                                                 0, 1, 2, 3, 4, 2, 3, 4, 5});
    CHECK(delta == -3);
}

void test_video() {  // frames at 0, trunc(1.4), trunc(2.8); text goes on after the height, the delta knows the time
    const auto [positions, delta] = solve({.ids = {kVideo, kVideo, kVideo, 9}, .videos = {3, 2, 2}, .seconds = {0.7}});
    CHECK(positions == std::vector<std::int32_t>{0, 1, 2, 1, 0, 0, 0, 1, 0, 0, 0, 1} && delta == -1);
    const auto untimed = solve({.ids = {kVideo, kVideo, kVideo, 9}, .videos = {3, 2, 2}});
    CHECK(untimed.positions == std::vector<std::int32_t>{0, 1, 2, 1, 0, 0, 0, 1, 0, 0, 0, 1});
    const auto slow = solve({.ids = {kVideo, kVideo}, .videos = {2, 2, 2}, .seconds = {2.0}, .tokens_per_second = 25});
    CHECK(slow.positions == std::vector<std::int32_t>{0, 50, 0, 0, 0, 0} && slow.delta == 49);
}

void refuse(const Prompt& prompt, const char* part) {
    const auto view = prompt.view();
    std::vector<std::int32_t> positions(3 * prompt.ids.size() + 1, 7);
    std::int64_t delta = 7;
    CHECK(check::refused(saccade_mrope_positions(&view, positions.data(), 3 * view.length, &delta), part));
    CHECK(delta == 7 && positions == std::vector<std::int32_t>(positions.size(), 7));
}

void test_refusals() {
    refuse({.ids = {}}, "input_ids: expected 1 to 2147483647 tokens; got 0");
    refuse({.ids = {1, kImage}},
           "input_ids: expected one run of image tokens per grid of image_grids (0); got another run at token 1");
    refuse({.ids = {1, kImage}, .images = {1, 2, 4}},
           "input_ids: expected 2 image tokens from token 1 for image_grids[0] = (1, 2, 4) with merge_size 2; got 1");
    refuse({.ids = {kVideo}, .videos = {1, 2, 2, 1, 2, 2}},
           "video_grids: expected one grid per run of video tokens in input_ids (1); got 2");
    refuse({.ids = {kVideo}, .videos = {1, 2, 2}, .seconds = {1, 2}},
           "seconds_per_grid: expected one value per video grid (1) or none; got 2");
    refuse({.ids = {kVideo}, .videos = {1, 2, 2}, .seconds = {-1}},
           "seconds_per_grid[0]: expected 0 to 2147483647; got -1");
    const double nan = std::numeric_limits<double>::quiet_NaN();
    refuse({.ids = {kVideo}, .videos = {1, 2, 2}, .seconds = {nan}},
           "seconds_per_grid[0]: expected 0 to 2147483647; got ");
    refuse({.ids = {kVideo, kVideo}, .videos = {2, 2, 2}, .seconds = {2e9}},
           "seconds_per_grid[0]: expected all frames before position 2147483647; got 2e+09 s");
    refuse({.ids = {1}, .tokens_per_second = 0}, "tokens_per_second: expected 1 to 67108864; got 0");
    refuse({.ids = {kImage}, .images = {1, 2, 3}},
           "image_grids[0]: expected rows and columns divisible by merge_size 2; got (1, 2, 3)");
}

}  // namespace

int main() {
    test_text();
    test_image();
    test_video();
    test_refusals();
    return check::finish();
}
