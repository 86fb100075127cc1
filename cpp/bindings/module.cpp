// saccade._core: the C interface as Python functions.
#include "arguments.h"

namespace {

/// The header this file was compiled with and the library it runs with have to be of one kind.
void check_abi() {
    const auto found = saccade_abi_version();
    if (found == SACCADE_ABI_VERSION) return;
    PyErr_Format(PyExc_ImportError,
                 "mlx_saccade._core was built for ABI %d of the core and runs with ABI %d; install mlx-saccade again",
                 static_cast<int>(SACCADE_ABI_VERSION), static_cast<int>(found));
    throw nanobind::python_error();
}

}  // namespace

NB_MODULE(_core, module) {
    check_abi();
    module.doc() =
        "saccade's compiled core. Arrays are checked, never converted; all but the shortest calls release the GIL.";
    module.def("abi_version", &saccade_abi_version, "Version of the core's C interface.");
    module.def("version", &saccade_version, "Version of saccade.");
    binding::bind_kernels(module);
    binding::bind_geometry(module);
    binding::bind_pixels(module);
    binding::bind_positions(module);
}
