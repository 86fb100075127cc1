#include <nanobind/stl/pair.h>

#include <optional>
#include <utility>

#include "arguments.h"
#include "new_array.h"

namespace binding {

using namespace nb::literals;

namespace {

using Int32Vector = NewArray<std::int32_t, 1>;
using Int32Matrix = NewArray<std::int32_t, 2>;

/// A scope without the GIL if there are enough elements to be worth the release.
class Unlocked {
  public:
    explicit Unlocked(std::int64_t elements) {
        constexpr std::int64_t min_elements = std::int64_t{1} << 18;
        if (elements > min_elements) release_.emplace();
    }

  private:
    std::optional<nb::gil_scoped_release> release_;
};

std::pair<std::int64_t, std::int64_t> window_index_size(const Grids& grids, std::int64_t merge_size,
                                                        std::int64_t window_size, std::int64_t patch_size) {
    std::int64_t tokens = 0, boundaries = 0;
    check(saccade_window_index_size(flat(grids), count(grids), merge_size, window_size, patch_size, &tokens,
                                    &boundaries));
    return {tokens, boundaries};
}

std::pair<nb::object, nb::object> window_index(const Grids& grids, std::int64_t merge_size, std::int64_t window_size,
                                               std::int64_t patch_size) {
    const auto [tokens, boundaries] = window_index_size(grids, merge_size, window_size, patch_size);
    Int32Vector index({static_cast<std::size_t>(tokens)});
    Int32Vector cumulative({static_cast<std::size_t>(boundaries)});
    std::int32_t status = SACCADE_OK;
    {
        const Unlocked unlocked(index.size());
        status = saccade_window_index(flat(grids), count(grids), merge_size, window_size, patch_size, index.data(),
                                      index.size(), cumulative.data(), cumulative.size());
    }
    check(status);
    return {index.release(), cumulative.release()};
}

std::int64_t patch_count(const Grids& grids, std::int64_t merge_size) {
    std::int64_t patches = 0;
    check(saccade_patch_count(flat(grids), count(grids), merge_size, &patches));
    return patches;
}

nb::object vision_positions(const Grids& grids, std::int64_t merge_size) {
    Int32Matrix positions({static_cast<std::size_t>(patch_count(grids, merge_size)), 2});
    std::int32_t status = SACCADE_OK;
    {
        const Unlocked unlocked(positions.size());
        status = saccade_vision_positions(flat(grids), count(grids), merge_size, positions.data(), positions.size());
    }
    check(status);
    return positions.release();
}

/// Returns int32 or int64 [n] of any stride as int64.
std::vector<std::int64_t> token_ids(const AnyArray& array) {
    const bool wide = array.dtype() == nb::dtype<std::int64_t>();
    if ((!wide && array.dtype() != nb::dtype<std::int32_t>()) || array.ndim() != 1) {
        raise_input_error("input_ids: expected a one-dimensional array of int32 or int64");
    }
    std::vector<std::int64_t> ids(array.shape(0));
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto at = static_cast<std::int64_t>(i) * array.stride(0);
        ids[i] = wide ? static_cast<const std::int64_t*>(array.data())[at]
                      : static_cast<const std::int32_t*>(array.data())[at];
    }
    return ids;
}

std::pair<nb::object, std::int64_t> mrope_positions(const AnyArray& input_ids, const Grids& image_grids,
                                                    const Grids& video_grids,
                                                    const std::vector<double>& seconds_per_grid,
                                                    std::int64_t image_token_id, std::int64_t video_token_id,
                                                    std::int64_t vision_start_token_id, std::int64_t merge_size,
                                                    std::int64_t tokens_per_second) {
    const std::vector<std::int64_t> ids = token_ids(input_ids);
    const saccade_mrope_prompt prompt{
        .input_ids = ids.data(),
        .length = static_cast<std::int64_t>(ids.size()),
        .image_grids = flat(image_grids),
        .image_count = count(image_grids),
        .video_grids = flat(video_grids),
        .video_count = count(video_grids),
        .seconds_per_grid = seconds_per_grid.data(),
        .seconds_count = static_cast<std::int64_t>(seconds_per_grid.size()),
        .image_token_id = image_token_id,
        .video_token_id = video_token_id,
        .vision_start_token_id = vision_start_token_id,
        .merge_size = merge_size,
        .tokens_per_second = tokens_per_second,
    };
    Int32Matrix positions({3, ids.size()});
    std::int64_t delta = 0;
    std::int32_t status = SACCADE_OK;
    {
        const nb::gil_scoped_release unlocked;
        status = saccade_mrope_positions(&prompt, positions.data(), positions.size(), &delta);
    }
    check(status);
    return {positions.release(), delta};
}

}  // namespace

void bind_positions(nb::module_& module) {
    module.def("window_index", &window_index, "grids"_a, "merge_size"_a, "window_size"_a, "patch_size"_a,
               nb::sig("def window_index(grids: collections.abc.Sequence[collections.abc.Sequence[int]], "
                       "merge_size: int, window_size: int, patch_size: int) -> "
                       "tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32]]"),
               "Return the window order [tokens] and the windows' boundaries in patches [windows + 1].");
    module.def(
        "window_index_size", &window_index_size, "grids"_a, "merge_size"_a, "window_size"_a, "patch_size"_a,
        "Return the numbers of tokens and of boundaries that window_index returns. Raise InputError if it raises.");
    module.def("patch_count", &patch_count, "grids"_a, "merge_size"_a,
               "Return the number of patches in all grids. Raise InputError if vision_positions raises.");
    module.def("vision_positions", &vision_positions, "grids"_a, "merge_size"_a,
               nb::sig("def vision_positions(grids: collections.abc.Sequence[collections.abc.Sequence[int]], "
                       "merge_size: int) -> numpy.typing.NDArray[numpy.int32]"),
               "Return (row, column) of every patch in merge-block order, [patches, 2].");
    module.def("mrope_positions", &mrope_positions, "input_ids"_a, "image_grids"_a, "video_grids"_a,
               "seconds_per_grid"_a, "image_token_id"_a, "video_token_id"_a, "vision_start_token_id"_a, "merge_size"_a,
               "tokens_per_second"_a,
               nb::sig("def mrope_positions(input_ids: numpy.typing.NDArray[numpy.signedinteger], "
                       "image_grids: collections.abc.Sequence[collections.abc.Sequence[int]], "
                       "video_grids: collections.abc.Sequence[collections.abc.Sequence[int]], "
                       "seconds_per_grid: collections.abc.Sequence[float], image_token_id: int, video_token_id: int, "
                       "vision_start_token_id: int, merge_size: int, tokens_per_second: int) -> "
                       "tuple[numpy.typing.NDArray[numpy.int32], int]"),
               "Return M-RoPE positions [3, n] (temporal, height, width) and the delta of later tokens.");
}

}  // namespace binding
