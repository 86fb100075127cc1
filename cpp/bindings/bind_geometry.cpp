#include <nanobind/stl/pair.h>

#include <utility>

#include "arguments.h"

namespace binding {
namespace {

std::pair<std::int64_t, std::int64_t> smart_resize(std::int64_t height, std::int64_t width, std::int64_t factor,
                                                   std::int64_t min_pixels, std::int64_t max_pixels) {
    std::int64_t resized_height = 0, resized_width = 0;
    check(saccade_smart_resize(height, width, factor, min_pixels, max_pixels, &resized_height, &resized_width));
    return {resized_height, resized_width};
}

}  // namespace

void bind_geometry(nb::module_& module) {
    using namespace nb::literals;
    module.def("smart_resize", &smart_resize, "height"_a, "width"_a, "factor"_a, "min_pixels"_a, "max_pixels"_a,
               "Return the resized (height, width) of transformers' smart_resize. Raise InputError if it raises.");
}

}  // namespace binding
