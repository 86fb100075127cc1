#include "plan.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "checked.h"
#include "geometry.h"

namespace saccade {
namespace {

/// The visual tokens of a plan without a budget: the best for large targets.
constexpr std::int64_t kDefaultTokens = 1280;

/// Pixels of a budget that are exact in a double.
constexpr std::int64_t kMaxPixels = std::int64_t{1} << 53;

struct Named {
    const char* name;
    saccade_family family;
};

#define SACCADE_CLIP {0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}
#define SACCADE_HALVES {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}

// preprocessor_config.json of the published checkpoints.
constexpr Named kFamilies[] = {
    {"qwen2-vl", {14, 2, 2, 0, 3136, 12845056, SACCADE_CLIP}},
    {"qwen2.5-vl", {14, 2, 2, 112, 3136, 12845056, SACCADE_CLIP}},
    {"qwen3-vl", {16, 2, 2, 0, 65536, 16777216, SACCADE_HALVES}},
};

/// Limits on the area of a resized image.
struct Area {
    std::int64_t least;
    std::int64_t most;
    bool yields;  // least gives way where an image does not fit between the two
};

Area area_limits(const saccade_family& family, std::int64_t token, std::int64_t min_tokens, std::int64_t max_tokens) {
    const std::int64_t limit = kMaxPixels / token;
    if (max_tokens < 0 || max_tokens > limit) {
        reject("max_tokens: expected 1 to ", limit, ", or 0 for the default; got ", max_tokens);
    }
    const std::int64_t most =
        max_tokens == 0 ? std::min(kDefaultTokens * token, family.max_pixels) : max_tokens * token;
    if (min_tokens < 0 || min_tokens > most / token) {
        reject("min_tokens: expected 1 to max_tokens ", most / token, ", or 0 for the family's least; got ",
               min_tokens);
    }
    if (min_tokens > 0) return {min_tokens * token, most, false};
    return {std::min(family.min_pixels, most), most, true};
}

/// Returns the largest lower limit, in whole tokens, with which an image fits; one token if none does.
std::int64_t largest_least(std::int64_t height, std::int64_t width, std::int64_t factor, std::int64_t most) {
    const std::int64_t token = factor * factor;
    std::int64_t low = 1, high = std::max<std::int64_t>(1, most / token);
    while (low < high) {  // a larger lower limit gives no smaller image
        const std::int64_t middle = (low + high + 1) / 2;
        const Size size = smart_resize(height, width, factor, middle * token, most);
        if (size.height * size.width <= most) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low * token;
}

/// Returns the number of windows of `side` pixels in a grid of tokens.
std::int64_t count_windows(const saccade_family& family, std::int64_t token_rows, std::int64_t token_columns) {
    if (family.window_size == 0) return 0;
    const std::int64_t side = std::max<std::int64_t>(1, family.window_size / family.merge_size / family.patch_size);
    return (token_rows + side - 1) / side * ((token_columns + side - 1) / side);
}

}  // namespace

const saccade_family& family_named(const char* name) {
    std::string known;
    for (const Named& one : kFamilies) {
        if (std::strcmp(name, one.name) == 0) return one.family;
        known += known.empty() ? one.name : std::string(", ") + one.name;
    }
    reject("family: expected one of ", known, "; got ", quoted(name));
}

saccade_plan plan_image(std::int64_t source_width, std::int64_t source_height, const saccade_family& family,
                        std::int64_t min_tokens, std::int64_t max_tokens) {
    check_side(source_width, "source_width");
    check_side(source_height, "source_height");
    const std::int64_t factor = family.patch_size * family.merge_size;
    Area area = area_limits(family, factor * factor, min_tokens, max_tokens);
    Size size = smart_resize(source_height, source_width, factor, area.least, area.most);
    if (area.yields && size.height * size.width > area.most) {
        area.least = largest_least(source_height, source_width, factor, area.most);
        size = smart_resize(source_height, source_width, factor, area.least, area.most);
    }
    if (size.height * size.width > area.most) {
        reject("max_tokens: expected room for an image of ", source_width, "x", source_height,
               ", whose sides are whole tokens and whose least is ", area.least / (factor * factor), "; got ",
               area.most / (factor * factor), ". Raise it");
    }
    const std::int64_t rows = size.height / family.patch_size, columns = size.width / family.patch_size;
    const std::int64_t token_rows = size.height / factor, token_columns = size.width / factor;
    return {.width = size.width,
            .height = size.height,
            .rows = rows,
            .columns = columns,
            .patches = rows * columns,
            .tokens = token_rows * token_columns,
            .windows = count_windows(family, token_rows, token_columns),
            .min_pixels = area.least,
            .max_pixels = area.most,
            .scale_x = static_cast<double>(source_width) / static_cast<double>(size.width),
            .scale_y = static_cast<double>(source_height) / static_cast<double>(size.height)};
}

}  // namespace saccade
