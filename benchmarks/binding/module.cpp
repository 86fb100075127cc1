// The C interface as Python functions, with pybind11, for comparison only.
#include <sstream>
#include <utility>

#include "arguments.h"

namespace binding {
namespace {

std::int32_t parse_format(const std::string& name) {
    if (name == "rgb") return SACCADE_FORMAT_RGB;
    if (name == "rgba") return SACCADE_FORMAT_RGBA;
    if (name == "bgra") return SACCADE_FORMAT_BGRA;
    if (name == "grey") return SACCADE_FORMAT_GREY;
    raise_input_error("pixel_format: expected 'rgb', 'rgba', 'bgra' or 'grey'; got '" + name + "'");
}

std::string kernel() {
    const char* name = saccade_kernel();
    if (name == nullptr) raise_input_error(saccade_last_message());
    return name;
}

std::vector<std::string> kernels() {
    const char* names = saccade_kernels();
    if (names == nullptr) raise_input_error(saccade_last_message());
    std::istringstream stream(names);
    std::vector<std::string> list;
    for (std::string name; stream >> name;) list.push_back(name);
    return list;
}

std::int64_t threads() {
    std::int64_t number = 0;
    check(saccade_threads(&number));
    return number;
}

std::pair<std::int64_t, std::int64_t> smart_resize(std::int64_t height, std::int64_t width, std::int64_t factor,
                                                   std::int64_t min_pixels, std::int64_t max_pixels) {
    std::int64_t resized_height = 0, resized_width = 0;
    check(saccade_smart_resize(height, width, factor, min_pixels, max_pixels, &resized_height, &resized_width));
    return {resized_height, resized_width};
}

}  // namespace

void raise_input_error(const std::string& message) {
    const py::object type = py::module_::import("mlx_saccade.errors").attr("InputError");
    PyErr_SetObject(type.ptr(), py::str(message).ptr());
    throw py::error_already_set();
}

void check(std::int32_t status) {
    if (status == SACCADE_OK) return;
    const std::string message = saccade_last_message();
    if (status == SACCADE_ERROR_INPUT) raise_input_error(message);
    PyErr_SetString(status == SACCADE_ERROR_MEMORY ? PyExc_MemoryError : PyExc_RuntimeError, message.c_str());
    throw py::error_already_set();
}

Image::Image(const py::array& array, const std::string& format_name) {
    format = parse_format(format_name);
    const std::int64_t channels = format == SACCADE_FORMAT_RGB ? 3 : format == SACCADE_FORMAT_GREY ? 1 : 4;
    const bool shaped = channels == 1 ? array.ndim() == 2 : array.ndim() == 3 && array.shape(2) == channels;
    if (!py::isinstance<py::array_t<std::uint8_t>>(array) || !shaped)
        raise_input_error("image: expected a uint8 array");
    height = array.shape(0);
    width = array.shape(1);
    const bool empty = array.size() == 0;
    const bool packed =
        empty || ((width == 1 || array.strides(1) == channels) && (channels == 1 || array.strides(2) == 1));
    stride = empty || height == 1 ? channels * width : array.strides(0);
    if (!packed || stride < channels * width) {
        raise_input_error("image: expected packed pixels; got gaps between them");
    }
    pixels = static_cast<const std::uint8_t*>(array.data());
}

}  // namespace binding

PYBIND11_MODULE(saccade_pybind11, module) {
    namespace py = pybind11;
    using namespace py::literals;
    module.def("abi_version", &saccade_abi_version);
    module.def("version", &saccade_version);
    module.def("kernel", &binding::kernel);
    module.def("kernels", &binding::kernels);
    module.def(
        "select_kernel", [](const char* name) { binding::check(saccade_select_kernel(name)); }, "name"_a.none(true));
    module.def("threads", &binding::threads);
    module.def("limit_threads", [](std::int64_t number) { binding::check(saccade_limit_threads(number)); }, "count"_a);
    module.def("last_kernel", &saccade_last_kernel);
    module.def("smart_resize", &binding::smart_resize, "height"_a, "width"_a, "factor"_a, "min_pixels"_a,
               "max_pixels"_a);
    binding::bind_pixels(module);
    binding::bind_positions(module);
}
