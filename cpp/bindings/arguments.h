// Shared by the bindings: errors, and conversion of images and grids from Python objects.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "saccade.h"

namespace binding {

namespace nb = nanobind;

using AnyArray = nb::ndarray<nb::ro>;
using Grids = std::vector<std::array<std::int64_t, 3>>;

/// Raises mlx_saccade.errors.InputError.
[[noreturn]] void raise_input_error(const std::string& message);

/// Raises the Python exception for a status of the core, unless it is SACCADE_OK. Needs the GIL.
void check(std::int32_t status);

/// Returns the SACCADE_BACKEND_... of a name. Raises InputError if there is none.
std::int32_t parse_backend(const std::string& name);

/// A view of a uint8 array with packed pixels and any row stride (a crop). Its shape is [height, width, 3] for "rgb",
/// [height, width, 4] for "rgba" and "bgra", [height, width] for "grey".
struct Image {
    explicit Image(const AnyArray& array, const std::string& format = "rgb");

    std::int32_t format;
    const std::uint8_t* pixels;
    std::int64_t width;
    std::int64_t height;
    std::int64_t stride;
};

inline const std::int64_t* flat(const Grids& grids) { return grids.empty() ? nullptr : grids.front().data(); }
inline std::int64_t count(const Grids& grids) { return static_cast<std::int64_t>(grids.size()); }

void bind_kernels(nb::module_& module);
void bind_geometry(nb::module_& module);
void bind_pixels(nb::module_& module);
void bind_positions(nb::module_& module);
void bind_weights(nb::module_& module);

}  // namespace binding
