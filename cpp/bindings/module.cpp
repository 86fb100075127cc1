// mlx_saccade._core: the C interface as Python functions.
#include "arguments.h"

namespace {

/// Raises ImportError unless the header of this build and the loaded library have the same ABI version.
void check_abi() {
    const auto loaded = saccade_abi_version();
    if (loaded == SACCADE_ABI_VERSION) return;
    PyErr_Format(PyExc_ImportError, "mlx_saccade._core: expected ABI %d of the core; got %d. Reinstall mlx-saccade",
                 static_cast<int>(SACCADE_ABI_VERSION), static_cast<int>(loaded));
    throw nanobind::python_error();
}

}  // namespace

NB_MODULE(_core, module) {
    check_abi();
    module.doc() =
        "The compiled core. Arrays are checked, never converted. All but the shortest calls release the GIL.";
    module.def("abi_version", &saccade_abi_version, "Return the version of the core's C interface.");
    module.def("version", &saccade_version, "Return the version of the core.");
    binding::bind_kernels(module);
    binding::bind_geometry(module);
    binding::bind_pixels(module);
    binding::bind_positions(module);
    binding::bind_weights(module);
}
