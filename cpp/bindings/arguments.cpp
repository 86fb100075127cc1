#include "arguments.h"

#include <algorithm>
#include <sstream>
#include <utility>

namespace binding {
namespace {

std::string dtype_name(const nb::dlpack::dtype& type) {
    using Code = nb::dlpack::dtype_code;
    std::string name = "dtype " + std::to_string(type.code) + "/";
    if (type.code == static_cast<std::uint8_t>(Code::Int)) name = "int";
    if (type.code == static_cast<std::uint8_t>(Code::UInt)) name = "uint";
    if (type.code == static_cast<std::uint8_t>(Code::Float)) name = "float";
    if (type.code == static_cast<std::uint8_t>(Code::Bfloat)) name = "bfloat";
    if (type.code == static_cast<std::uint8_t>(Code::Complex)) name = "complex";
    if (type.code == static_cast<std::uint8_t>(Code::Bool)) return "bool";
    return name + std::to_string(type.bits);
}

/// Returns the dtype and shape of an array, such as "float32 (480, 640, 4)".
std::string describe(const AnyArray& array) {
    std::ostringstream text;
    text << dtype_name(array.dtype()) << " (";
    for (std::size_t i = 0; i < array.ndim(); ++i) text << (i > 0 ? ", " : "") << array.shape(i);
    text << (array.ndim() == 1 ? ",)" : ")");
    return text.str();
}

std::int32_t parse_format(const std::string& name) {
    if (name == "rgb") return SACCADE_FORMAT_RGB;
    if (name == "rgba") return SACCADE_FORMAT_RGBA;
    if (name == "bgra") return SACCADE_FORMAT_BGRA;
    if (name == "grey") return SACCADE_FORMAT_GREY;
    raise_input_error("pixel_format: expected 'rgb', 'rgba', 'bgra' or 'grey'; got '" + name + "'");
}

}  // namespace

void raise_input_error(const std::string& message) {
    const nb::object type = nb::module_::import_("mlx_saccade.errors").attr("InputError");
    PyErr_SetObject(type.ptr(), nb::str(message.c_str(), message.size()).ptr());
    throw nb::python_error();
}

void check(std::int32_t status) {
    if (status == SACCADE_OK) return;
    const std::string message = saccade_last_message();
    if (status == SACCADE_ERROR_INPUT) raise_input_error(message);
    PyErr_SetString(status == SACCADE_ERROR_MEMORY ? PyExc_MemoryError : PyExc_RuntimeError, message.c_str());
    throw nb::python_error();
}

Image::Image(const AnyArray& array, const std::string& format_name) {
    format = parse_format(format_name);
    const std::int64_t channels = format == SACCADE_FORMAT_RGB ? 3 : format == SACCADE_FORMAT_GREY ? 1 : 4;
    const bool shaped =
        channels == 1 ? array.ndim() == 2 : array.ndim() == 3 && std::cmp_equal(array.shape(2), channels);
    if (array.dtype() != nb::dtype<std::uint8_t>() || !shaped) {
        const std::string last = channels == 1 ? "]" : ", " + std::to_string(channels) + "]";
        raise_input_error("image: expected a uint8 array [height, width" + last + "; got " + describe(array));
    }
    if (array.device_type() != nb::device::cpu::value) {
        raise_input_error("image: expected CPU memory; got another device's. Copy it to the CPU first");
    }
    height = static_cast<std::int64_t>(array.shape(0));
    width = static_cast<std::int64_t>(array.shape(1));
    // The stride of an axis with one element is arbitrary, and so are all strides of an empty array, which the core
    // rejects.
    const bool empty = array.size() == 0;
    const bool packed =
        empty || ((width == 1 || array.stride(1) == channels) && (channels == 1 || array.stride(2) == 1));
    stride = empty || height == 1 ? channels * width : array.stride(0);
    if (!packed || stride < channels * width) {
        raise_input_error("image: expected packed pixels; got gaps between them. Pass numpy.ascontiguousarray(image)");
    }
    pixels = static_cast<const std::uint8_t*>(array.data());
}

}  // namespace binding
