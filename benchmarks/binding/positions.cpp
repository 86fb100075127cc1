// Window order and positions.
#include <utility>

#include "arguments.h"

namespace binding {

using namespace py::literals;

namespace {

std::pair<py::array, py::array> window_index(const Grids& grids, std::int64_t merge_size, std::int64_t window_size,
                                             std::int64_t patch_size) {
    std::int64_t tokens = 0, boundaries = 0;
    check(saccade_window_index_size(flat(grids), count(grids), merge_size, window_size, patch_size, &tokens,
                                    &boundaries));
    NewArray<std::int32_t> index({tokens}), cumulative({boundaries});
    std::int32_t status = SACCADE_OK;
    {
        const py::gil_scoped_release unlocked;
        status = saccade_window_index(flat(grids), count(grids), merge_size, window_size, patch_size, index.data(),
                                      index.size(), cumulative.data(), cumulative.size());
    }
    check(status);
    return {index.release(), cumulative.release()};
}

py::array vision_positions(const Grids& grids, std::int64_t merge_size) {
    std::int64_t patches = 0;
    check(saccade_patch_count(flat(grids), count(grids), merge_size, &patches));
    NewArray<std::int32_t> positions({patches, 2});
    std::int32_t status = SACCADE_OK;
    {
        const py::gil_scoped_release unlocked;
        status = saccade_vision_positions(flat(grids), count(grids), merge_size, positions.data(), positions.size());
    }
    check(status);
    return positions.release();
}

/// Returns int32 or int64 [n] of any stride as int64.
std::vector<std::int64_t> token_ids(const py::array& array) {
    const bool wide = py::isinstance<py::array_t<std::int64_t>>(array);
    if ((!wide && !py::isinstance<py::array_t<std::int32_t>>(array)) || array.ndim() != 1) {
        raise_input_error("input_ids: expected a one-dimensional array of int32 or int64");
    }
    std::vector<std::int64_t> ids(static_cast<std::size_t>(array.shape(0)));
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const void* at = array.data(static_cast<py::ssize_t>(i));
        ids[i] = wide ? *static_cast<const std::int64_t*>(at) : *static_cast<const std::int32_t*>(at);
    }
    return ids;
}

std::pair<py::array, std::int64_t> mrope_positions(const py::array& input_ids, const Grids& image_grids,
                                                   const Grids& video_grids,
                                                   const std::vector<double>& seconds_per_grid,
                                                   std::int64_t image_token_id, std::int64_t video_token_id,
                                                   std::int64_t vision_start_token_id, std::int64_t merge_size,
                                                   std::int64_t tokens_per_second) {
    const std::vector<std::int64_t> ids = token_ids(input_ids);
    const auto length = static_cast<std::int64_t>(ids.size());
    const saccade_mrope_prompt prompt{ids.data(),
                                      length,
                                      flat(image_grids),
                                      count(image_grids),
                                      flat(video_grids),
                                      count(video_grids),
                                      seconds_per_grid.data(),
                                      static_cast<std::int64_t>(seconds_per_grid.size()),
                                      image_token_id,
                                      video_token_id,
                                      vision_start_token_id,
                                      merge_size,
                                      tokens_per_second};
    NewArray<std::int32_t> positions({3, length});
    std::int64_t delta = 0;
    std::int32_t status = SACCADE_OK;
    {
        const py::gil_scoped_release unlocked;
        status = saccade_mrope_positions(&prompt, positions.data(), positions.size(), &delta);
    }
    check(status);
    return {positions.release(), delta};
}

}  // namespace

void bind_positions(py::module_& module) {
    module.def("window_index", &window_index, "grids"_a, "merge_size"_a, "window_size"_a, "patch_size"_a);
    module.def("vision_positions", &vision_positions, "grids"_a, "merge_size"_a);
    module.def("mrope_positions", &mrope_positions, "input_ids"_a, "image_grids"_a, "video_grids"_a,
               "seconds_per_grid"_a, "image_token_id"_a, "video_token_id"_a, "vision_start_token_id"_a, "merge_size"_a,
               "tokens_per_second"_a);
}

}  // namespace binding
