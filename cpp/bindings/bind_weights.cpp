// The weights of a resize, for GPU kernels. Not part of the C interface: only this package launches them.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <tuple>

#include "arguments.h"
#include "new_array.h"
#include "resample.h"

namespace binding {
namespace {

using AxisArrays = std::tuple<nb::object, nb::object, int>;

/// Returns the spans, the weights and the fraction bits of an axis, as cpp/gpu/resize_patchify.inl reads them.
AxisArrays arrays_of(const saccade::AxisWeights& axis) {
    NewArray<std::int32_t, 2> spans({axis.spans.size() + 1, 2});
    NewArray<std::int32_t, 1> weights({axis.weights.size()});
    std::int32_t* pair = spans.data();
    for (const auto& span : axis.spans) {
        *pair++ = static_cast<std::int32_t>(span.first);
        *pair++ = static_cast<std::int32_t>(span.offset);
    }
    *pair++ = static_cast<std::int32_t>(axis.input_end());
    *pair++ = static_cast<std::int32_t>(axis.weights.size());
    std::copy(axis.weights.begin(), axis.weights.end(), weights.data());
    return {spans.release(), weights.release(), axis.bits};
}

/// Returns the weights of an axis. One that keeps its length has a weight of 1 per sample, which changes no byte.
saccade::AxisWeights weights_of(std::int64_t input, std::int64_t output, saccade::WeightRounding rounding) {
    if (input != output) return saccade::selected_kernel().weights(input, output, rounding);
    saccade::AxisWeights axis;
    for (std::int64_t i = 0; i < input; ++i) axis.spans.push_back({i, 1, i});
    axis.weights.assign(static_cast<std::size_t>(input), std::int32_t{1} << axis.bits);
    return axis;
}

std::tuple<bool, AxisArrays, AxisArrays> resize_weights(std::array<std::int64_t, 2> source,
                                                        std::array<std::int64_t, 2> size,
                                                        const std::string& backend_name) {
    try {
        for (const std::int64_t side : {source[0], source[1], size[0], size[1]}) saccade::check_side(side, "size");
        const auto backend = static_cast<saccade::Backend>(parse_backend(backend_name));
        const auto rounding = saccade::weight_rounding(backend);
        return {saccade::vertical_first({source[0], source[1]}, {size[0], size[1]}, backend),
                arrays_of(weights_of(source[0], size[0], rounding)),
                arrays_of(weights_of(source[1], size[1], rounding))};
    } catch (const saccade::InputError& error) {
        raise_input_error(error.what());
    }
}

}  // namespace

void bind_weights(nb::module_& module) {
    using namespace nb::literals;
    module.def("resize_weights", &resize_weights, "source_size"_a, "size"_a, "backend"_a,
               nb::sig("def resize_weights(source_size: tuple[int, int], size: tuple[int, int], backend: str) -> "
                       "tuple[bool, tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32], int], "
                       "tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32], int]]"),
               "Return the arithmetic of a resize: True if the vertical pass is first, then horizontal and vertical "
               "weights. Each: spans [output + 1, 2] (first input sample, index of its first weight), the weights, and "
               "their fraction bits.");
}

}  // namespace binding
