// Families and plans: known plans, the limits that apply, points in source pixels, errors.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "golden.h"

namespace {

saccade_plan plan_of(std::int64_t width, std::int64_t height, const char* family, std::int64_t low, std::int64_t high) {
    saccade_plan plan{};
    CHECK(saccade_plan_image(width, height, family, low, high, &plan, sizeof plan) == SACCADE_OK);
    return plan;
}

void test_families() {
    saccade_family family{};
    CHECK(saccade_get_family("qwen2.5-vl", &family, sizeof family) == SACCADE_OK);
    CHECK(family.patch_size == 14 && family.merge_size == 2 && family.temporal_patch_size == 2);
    CHECK(family.window_size == 112 && family.min_pixels == 3136 && family.max_pixels == 12845056);
    CHECK(family.mean[0] == 0.48145466 && family.mean[2] == 0.40821073 && family.std[1] == 0.26130258);
    CHECK(saccade_get_family("qwen3-vl", &family, sizeof family) == SACCADE_OK);
    CHECK(family.patch_size == 16 && family.window_size == 0 && family.mean[1] == 0.5 && family.std[2] == 0.5);
    const saccade_family before = family;
    CHECK(check::refused(saccade_get_family("qwen4", &family, sizeof family),
                         "family: expected one of qwen2-vl, qwen2.5-vl, qwen3-vl; got 'qwen4'"));
    CHECK(check::refused(saccade_get_family("qwen2-vl", &family, 95), "family_bytes: expected at least 96; got 95"));
    CHECK(family.patch_size == before.patch_size && family.window_size == before.window_size);
}

/// Tests that a caller compiled against a header with more members gets those that this library knows.
void test_larger_structs() {
    struct {
        saccade_plan plan;
        std::int64_t later;
    } newer{{}, -7};
    CHECK(saccade_plan_image(3840, 2160, "qwen2.5-vl", 0, 0, &newer.plan, sizeof newer) == SACCADE_OK);
    CHECK(newer.plan.tokens == 1222 && newer.later == -7);
}

void test_plans() {
    const saccade_plan screen = plan_of(3840, 2160, "qwen2.5-vl", 0, 1280);
    CHECK(screen.width == 1316 && screen.height == 728 && screen.rows == 52 && screen.columns == 94);
    CHECK(screen.patches == 4888 && screen.tokens == 1222 && screen.windows == 84);
    CHECK(screen.min_pixels == 3136 && screen.max_pixels == 1003520);
    CHECK(screen.scale_x == 3840.0 / 1316 && screen.scale_y == 2160.0 / 728);
    CHECK(plan_of(3840, 2160, "qwen2-vl", 0, 1280).windows == 0);
    // The default is 1,280 tokens.
    CHECK(plan_of(3840, 2160, "qwen2.5-vl", 0, 0).tokens == 1222);
    // A small image is enlarged to the family's least, or to min_tokens, unless the budget is below.
    CHECK(plan_of(30, 30, "qwen2.5-vl", 0, 0).tokens == 4);
    CHECK(plan_of(30, 30, "qwen3-vl", 0, 0).tokens == 64);
    CHECK(plan_of(30, 30, "qwen3-vl", 0, 16).tokens == 16);
    CHECK(plan_of(30, 30, "qwen3-vl", 100, 0).tokens == 100);
    CHECK(plan_of(300, 30, "qwen3-vl", 0, 64).tokens <= 64);
}

/// Tests that a plan keeps its limits wherever it succeeds, with the size that smart_resize gives within them.
void test_limits() {
    const std::int64_t sides[] = {1, 7, 28, 56, 100, 333, 1000, 3840};
    for (const char* family : {"qwen2-vl", "qwen2.5-vl", "qwen3-vl"}) {
        for (const std::int64_t width : sides) {
            for (const std::int64_t height : sides) {
                if (std::max(width, height) > 200 * std::min(width, height)) continue;
                for (const std::int64_t budget : {1, 4, 15, 64, 65, 300, 1280}) {
                    saccade_plan plan{};
                    if (saccade_plan_image(width, height, family, 0, budget, &plan, sizeof plan) != SACCADE_OK) {
                        CHECK(std::strstr(saccade_last_message(), "max_tokens: expected room for an image of ") !=
                              nullptr);
                        continue;
                    }
                    const std::int64_t factor = std::string(family) == "qwen3-vl" ? 32 : 28;
                    std::int64_t high = 0, wide = 0;
                    CHECK(saccade_smart_resize(height, width, factor, plan.min_pixels, plan.max_pixels, &high, &wide) ==
                          SACCADE_OK);
                    CHECK(plan.width == wide && plan.height == high && plan.tokens >= 1 && plan.tokens <= budget);
                    CHECK(plan.max_pixels == budget * factor * factor && plan.patches == 4 * plan.tokens);
                }
            }
        }
    }
}

/// Compares with the plans of the Python package.
void test_golden(const char* path) {
    const char* const families[] = {"qwen2-vl", "qwen2.5-vl", "qwen3-vl"};
    const auto rows = golden::read_rows(path, 11);
    CHECK(rows.size() >= 1000);
    for (const auto& row : rows) {
        saccade_plan plan{};
        const int status = saccade_plan_image(row[1], row[2], families[row[0]], row[3], row[4], &plan, sizeof plan);
        const std::vector<std::int64_t> output = {plan.width,      plan.height,     plan.windows,
                                                  plan.min_pixels, plan.max_pixels, status == SACCADE_OK ? 0 : 1};
        if (!CHECK(output == std::vector<std::int64_t>(row.begin() + 5, row.end()))) {
            std::fprintf(stderr, "  %s: %lldx%lld, min_tokens %lld, max_tokens %lld\n", families[row[0]],
                         static_cast<long long>(row[1]), static_cast<long long>(row[2]), static_cast<long long>(row[3]),
                         static_cast<long long>(row[4]));
        }
    }
}

void test_points() {
    const saccade_plan plan = plan_of(3840, 2160, "qwen2.5-vl", 0, 1280);
    double box[4] = {0, 0, 1316, 728};
    CHECK(saccade_to_source(plan.scale_x, plan.scale_y, box, 2) == SACCADE_OK);
    CHECK(box[0] == 0 && box[1] == 0 && std::fabs(box[2] - 3840) < 1e-9 && std::fabs(box[3] - 2160) < 1e-9);
    CHECK(saccade_to_source(1.0, 1.0, nullptr, 0) == SACCADE_OK);
    CHECK(check::refused(saccade_to_source(1.0, 1.0, nullptr, 1), "points: expected a pointer; got NULL"));
    CHECK(check::refused(saccade_to_source(1.0, 1.0, box, -1), "count: expected at least 0; got -1"));
    CHECK(check::refused(saccade_to_source(0.0, 1.0, box, 1), "scale_x: expected finite and above 0; got 0"));
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(check::refused(saccade_to_source(1.0, nan, box, 1), "scale_y: expected finite and above 0; got nan"));
    CHECK(std::fabs(box[2] - 3840) < 1e-9);
}

void test_refusals() {
    saccade_plan plan{};
    plan.tokens = -3;
    const auto call = [&](std::int64_t width, std::int64_t height, std::int64_t low, std::int64_t high) {
        return saccade_plan_image(width, height, "qwen2.5-vl", low, high, &plan, sizeof plan);
    };
    CHECK(check::refused(call(0, 5, 0, 0), "source_width: expected 1 to 67108864; got 0"));
    CHECK(check::refused(call(5, INT64_MAX, 0, 0), "source_height: expected 1 to 67108864; got 9223372036854775807"));
    CHECK(check::refused(call(201, 1, 0, 0), "image: expected sides with a ratio of at most 200; got 201x1"));
    CHECK(check::refused(call(9, 9, 0, -1), "max_tokens: expected 1 to "));
    CHECK(check::refused(call(9, 9, 0, INT64_MAX), "max_tokens: expected 1 to "));
    CHECK(check::refused(call(9, 9, 11, 10),
                         "min_tokens: expected 1 to max_tokens 10, or 0 for the family's least; got 11"));
    CHECK(check::refused(call(9, 9, 1281, 0), "min_tokens: expected 1 to max_tokens 1280"));
    CHECK(check::refused(call(9, 9, -1, 0), "min_tokens: expected 1 to max_tokens 1280"));
    CHECK(check::refused(call(3000, 20, 0, 5),
                         "max_tokens: expected room for an image of 3000x20, whose sides are "
                         "whole tokens and whose least is "));
    CHECK(check::refused(saccade_plan_image(9, 9, "x", 0, 0, &plan, sizeof plan), "family: expected one of "));
    CHECK(check::refused(saccade_plan_image(9, 9, "qwen2-vl", 0, 0, &plan, 80), "plan_bytes: expected at least 88"));
    CHECK(plan.tokens == -3);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: test_plan tests/golden/plans.json\n");
        return 2;
    }
    test_golden(arguments[1]);
    test_families();
    test_larger_structs();
    test_plans();
    test_limits();
    test_points();
    test_refusals();
    return check::finish();
}
