#include <algorithm>
#include <limits>
#include <vector>

#include "checked.h"
#include "exact_float.h"
#include "positions.h"

namespace saccade {
namespace {

constexpr std::int64_t kMaxPosition = std::numeric_limits<std::int32_t>::max();

enum class Kind { kText, kImage, kVideo };

const char* name(Kind kind) { return kind == Kind::kImage ? "image" : "video"; }

/// A pass over a prompt, run by run, that computes the positions of its tokens.
class PromptWalk {
  public:
    explicit PromptWalk(const saccade_mrope_prompt& prompt)
        : prompt_(prompt),
          images_(prompt.image_grids, prompt.image_count, prompt.merge_size, "image_grids"),
          videos_(prompt.video_grids, prompt.video_count, prompt.merge_size, "video_grids"),
          positions_(static_cast<std::size_t>(3 * prompt.length)) {}

    void run();
    std::int64_t delta() const { return largest_ + 1 - prompt_.length; }
    const std::vector<std::int32_t>& positions() const { return positions_; }

  private:
    Kind kind(std::int64_t at) const {
        if (prompt_.input_ids[at] == prompt_.image_token_id) return Kind::kImage;
        return prompt_.input_ids[at] == prompt_.video_token_id ? Kind::kVideo : Kind::kText;
    }
    void text(std::int64_t begin, std::int64_t end);
    void vision(Kind kind, std::int64_t begin, std::int64_t end);
    std::vector<std::int64_t> times(Kind kind, std::int64_t which, std::int64_t frames) const;
    void check_all_used() const;
    void write(std::int64_t at, std::int64_t temporal, std::int64_t height, std::int64_t width);

    const saccade_mrope_prompt& prompt_;
    Grids images_;
    Grids videos_;
    std::vector<std::int32_t> positions_;  // copied to the caller's memory only after all checks
    std::int64_t next_position_ = 0;
    std::int64_t next_image_ = 0;
    std::int64_t next_video_ = 0;
    std::int64_t largest_ = 0;
};

void PromptWalk::write(std::int64_t at, std::int64_t temporal, std::int64_t height, std::int64_t width) {
    const std::int64_t largest = std::max({temporal, height, width});
    if (largest > kMaxPosition) {
        reject("input_ids[", at, "]: expected a position of at most ", kMaxPosition, "; got ", largest);
    }
    largest_ = std::max(largest_, largest);
    const auto column = static_cast<std::size_t>(at), length = static_cast<std::size_t>(prompt_.length);
    positions_[column] = static_cast<std::int32_t>(temporal);
    positions_[length + column] = static_cast<std::int32_t>(height);
    positions_[2 * length + column] = static_cast<std::int32_t>(width);
}

void PromptWalk::text(std::int64_t begin, std::int64_t end) {
    for (std::int64_t at = begin; at < end; ++at, ++next_position_) {
        write(at, next_position_, next_position_, next_position_);
    }
}

/// Returns the temporal offset of each frame of grid `which`. Float32, because the reference holds the seconds so.
std::vector<std::int64_t> PromptWalk::times(Kind kind, std::int64_t which, std::int64_t frames) const {
    const bool timed = kind == Kind::kVideo && prompt_.seconds_count > 0;
    const float interval =
        timed ? static_cast<float>(prompt_.tokens_per_second) * static_cast<float>(prompt_.seconds_per_grid[which])
              : 1.0F;
    std::vector<std::int64_t> offsets;
    offsets.reserve(static_cast<std::size_t>(frames));
    for (std::int64_t frame = 0; frame < frames; ++frame) {
        const float time = timed ? static_cast<float>(frame) * interval : 0.0F;
        if (time >= static_cast<float>(kMaxPosition)) {
            reject("seconds_per_grid[", which, "]: expected all frames before position ", kMaxPosition, "; got ",
                   prompt_.seconds_per_grid[which], " s, which moves frame ", frame, " beyond it");
        }
        offsets.push_back(timed ? static_cast<std::int64_t>(time) : frame);
    }
    return offsets;
}

void PromptWalk::vision(Kind kind, std::int64_t begin, std::int64_t end) {
    const Grids& grids = kind == Kind::kImage ? images_ : videos_;
    std::int64_t& next = kind == Kind::kImage ? next_image_ : next_video_;
    if (next == grids.size()) {
        reject("input_ids: expected one run of ", name(kind), " tokens per grid of ", name(kind), "_grids (",
               grids.size(), "); got another run at token ", begin);
    }
    const auto [frames, patch_rows, patch_columns] = grids[next];
    const std::int64_t rows = patch_rows / prompt_.merge_size, columns = patch_columns / prompt_.merge_size;
    if (end - begin != frames * rows * columns) {
        reject("input_ids: expected ", frames * rows * columns, " ", name(kind), " tokens from token ", begin, " for ",
               name(kind), "_grids[", next, "] = (", frames, ", ", patch_rows, ", ", patch_columns,
               ") with merge_size ", prompt_.merge_size, "; got ", end - begin);
    }
    std::int64_t at = begin;
    for (const std::int64_t time : times(kind, next, frames)) {
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t column = 0; column < columns; ++column, ++at) {
                write(at, next_position_ + time, next_position_ + row, next_position_ + column);
            }
        }
    }
    next_position_ += std::max(rows, columns);
    ++next;
}

void PromptWalk::check_all_used() const {
    const auto check = [](Kind kind, std::int64_t runs, std::int64_t grids) {
        if (runs != grids) {
            reject(name(kind), "_grids: expected one grid per run of ", name(kind), " tokens in input_ids (", runs,
                   "); got ", grids);
        }
    };
    check(Kind::kImage, next_image_, images_.size());
    check(Kind::kVideo, next_video_, videos_.size());
}

void PromptWalk::run() {
    for (std::int64_t begin = 0; begin < prompt_.length;) {
        std::int64_t end = begin + 1;
        while (end < prompt_.length && kind(end) == kind(begin)) ++end;
        if (kind(begin) == Kind::kText) {
            text(begin, end);
        } else {
            vision(kind(begin), begin, end);
        }
        begin = end;
    }
    check_all_used();
}

void check_seconds(const saccade_mrope_prompt& prompt) {
    if (prompt.seconds_count != 0 && prompt.seconds_count != prompt.video_count) {
        reject("seconds_per_grid: expected one value per video grid (", prompt.video_count, ") or none; got ",
               prompt.seconds_count);
    }
    for (std::int64_t i = 0; i < prompt.seconds_count; ++i) {
        const double seconds = prompt.seconds_per_grid[i];
        if (!(seconds >= 0.0 && seconds <= static_cast<double>(kMaxPosition))) {
            reject("seconds_per_grid[", i, "]: expected 0 to ", kMaxPosition, "; got ", seconds);
        }
    }
}

void check_tokens(const saccade_mrope_prompt& prompt) {
    if (prompt.image_token_id == prompt.video_token_id || prompt.image_token_id == prompt.vision_start_token_id ||
        prompt.video_token_id == prompt.vision_start_token_id) {
        reject("image_token_id, video_token_id, vision_start_token_id: expected three different ids; got ",
               prompt.image_token_id, ", ", prompt.video_token_id, ", ", prompt.vision_start_token_id);
    }
    check_side(prompt.tokens_per_second, "tokens_per_second");
}

}  // namespace

std::int64_t mrope_positions(const saccade_mrope_prompt& prompt, std::int32_t* positions, std::int64_t capacity) {
    if (prompt.length < 1 || prompt.length > kMaxPosition) {
        reject("input_ids: expected 1 to ", kMaxPosition, " tokens; got ", prompt.length);
    }
    check_capacity(capacity, 3 * prompt.length, "positions");
    check_tokens(prompt);
    check_seconds(prompt);
    PromptWalk walk(prompt);
    walk.run();
    std::copy(walk.positions().begin(), walk.positions().end(), positions);
    return walk.delta();
}

}  // namespace saccade
