// Errors, images and new arrays of the functions, as in cpp/bindings/arguments.h.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "saccade.h"

namespace binding {

namespace py = pybind11;

using Grids = std::vector<std::array<std::int64_t, 3>>;
using Triple = std::array<double, 3>;

inline const std::int64_t* flat(const Grids& grids) { return grids.empty() ? nullptr : grids.front().data(); }
inline std::int64_t count(const Grids& grids) { return static_cast<std::int64_t>(grids.size()); }

[[noreturn]] void raise_input_error(const std::string& message);
void check(std::int32_t status);

/// A borrowed uint8 array, checked and never converted.
struct Image {
    Image(const py::array& array, const std::string& format);

    std::int32_t format;
    const std::uint8_t* pixels;
    std::int64_t width;
    std::int64_t height;
    std::int64_t stride;
};

/// A new array, not yet filled.
template <typename T>
class NewArray {
  public:
    explicit NewArray(const std::vector<py::ssize_t>& shape) : shape_(shape) {
        for (const py::ssize_t extent : shape) size_ *= static_cast<std::size_t>(extent);
        data_.reset(static_cast<T*>(std::malloc(size_ * sizeof(T) + 1)));
        if (data_ == nullptr) throw std::bad_alloc();
    }
    T* data() { return data_.get(); }
    std::int64_t size() const { return static_cast<std::int64_t>(size_); }
    py::array release() {
        T* data = data_.get();
        py::capsule owner(data, [](void* memory) { std::free(memory); });
        data_.release();
        return py::array_t<T>(shape_, data, owner);
    }

  private:
    struct Free {
        void operator()(T* memory) const { std::free(memory); }
    };
    std::vector<py::ssize_t> shape_;
    std::size_t size_ = 1;
    std::unique_ptr<T[], Free> data_;
};

void bind_pixels(py::module_& module);
void bind_positions(py::module_& module);

}  // namespace binding
