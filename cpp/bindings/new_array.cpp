#include "new_array.h"

#include <algorithm>
#include <atomic>

namespace binding {
namespace {

// Functions of NumPy's C API, read from its table at run time. Indices and types are part of NumPy's ABI
// (numpy/_core/code_generators/numpy_api.py), so no NumPy headers are needed. nanobind's buffer protocol would take
// longer than filling a window order.
constexpr std::size_t kAbiVersion = 0, kArrayType = 2, kNew = 93, kSetBaseObject = 282;
using AbiVersion = unsigned int (*)();
using New = PyObject* (*)(PyTypeObject* type, int rank, const Py_ssize_t* shape, int element, const Py_ssize_t* strides,
                          void* values, int element_size, int flags, PyObject* like);
using SetBaseObject = int (*)(PyObject* array, PyObject* base);  // steals the reference to `base`, also on failure

/// NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED | NPY_ARRAY_WRITEABLE.
constexpr int kPlain = 0x0001 | 0x0100 | 0x0400;

/// NPY_ABI_VERSION of NumPy 1 and 2, with the same functions above.
constexpr unsigned int kOldestAbi = 0x01000009, kNewestAbi = 0x02000000;

/// Returns the module with NumPy's table, which has another name up to 1.26.0.
nb::object numpy_module() {
    try {
        return nb::module_::import_("numpy._core._multiarray_umath");
    } catch (const nb::python_error& error) {
        if (!error.matches(PyExc_ModuleNotFoundError)) throw;
    }
    return nb::module_::import_("numpy.core._multiarray_umath");
}

/// Returns NumPy's table. No static initializer: the import releases the GIL, and a waiting thread would hold it.
void** numpy_table() {
    static std::atomic<void**> cached = nullptr;
    void** table = cached.load(std::memory_order_acquire);
    if (table != nullptr) return table;
    const nb::object capsule = numpy_module().attr("_ARRAY_API");
    table = static_cast<void**>(PyCapsule_GetPointer(capsule.ptr(), nullptr));
    if (table == nullptr) throw nb::python_error();
    const unsigned int abi = reinterpret_cast<AbiVersion>(table[kAbiVersion])();
    if (abi < kOldestAbi || abi > kNewestAbi) {
        PyErr_Format(PyExc_ImportError, "NumPy C API: expected 0x%x to 0x%x; got 0x%x. Install NumPy 1.26 or 2",
                     kOldestAbi, kNewestAbi, abi);
        throw nb::python_error();
    }
    cached.store(table, std::memory_order_release);
    return table;
}

}  // namespace

void raise_memory_error(const std::string& output) {
    PyErr_SetString(PyExc_MemoryError, ("out of memory for an output of " + output).c_str());
    throw nb::python_error();
}

nb::object numpy_array(void* values, Element element, const std::size_t* shape, std::size_t rank, nb::object owner) {
    void** table = numpy_table();
    std::array<Py_ssize_t, 3> extents{};
    std::copy_n(shape, rank, extents.begin());
    nb::object array = nb::steal(reinterpret_cast<New>(table[kNew])(
        static_cast<PyTypeObject*>(table[kArrayType]), static_cast<int>(rank), extents.data(),
        static_cast<int>(element), nullptr, values, 0, kPlain, nullptr));
    if (!array.is_valid()) throw nb::python_error();
    if (reinterpret_cast<SetBaseObject>(table[kSetBaseObject])(array.ptr(), owner.release().ptr()) < 0) {
        throw nb::python_error();
    }
    return array;
}

}  // namespace binding
