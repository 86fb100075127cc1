// What the bindings share: errors as saccade.errors.InputError, images and grids out of Python objects.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "output_memory.h"
#include "saccade.h"

namespace binding {

namespace nb = nanobind;

using AnyArray = nb::ndarray<nb::ro>;
using Grids = std::vector<std::array<std::int64_t, 3>>;

/// Raises saccade.errors.InputError.
[[noreturn]] void raise_input_error(const std::string& message);

/// Raises MemoryError for an output, such as "3 x 4 elements of 8 bytes".
[[noreturn]] void raise_memory_error(const std::string& output);

/// Raises the Python exception that fits a status of the core, unless it is SACCADE_OK. Needs the GIL.
void check(std::int32_t status);

/// A borrowed uint8 [height, width, 3] array whose pixels are packed; rows may lie apart (a crop). Of another format
/// than "rgb": [height, width, 4] for "rgba" and "bgra", [height, width] for "grey".
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

/// A new NumPy array, not yet filled.
template <typename T, std::size_t Rank>
class NewArray {
  public:
    using Shaped = nb::ndarray<nb::numpy, T, nb::ndim<Rank>>;

    explicit NewArray(const std::array<std::size_t, Rank>& shape) : shape_(shape) {
        constexpr std::size_t most = std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T);
        try {
            for (const std::size_t extent : shape) {
                if (size_ != 0 && extent > most / size_) throw std::bad_alloc();
                size_ *= extent;
            }
            memory_.emplace(size_ * sizeof(T));
        } catch (const std::bad_alloc&) {
            raise_memory_error(described());
        }
    }
    T* data() { return static_cast<T*>(memory_->data()); }
    std::int64_t size() const { return static_cast<std::int64_t>(size_); }

    /// Hands the memory over to Python.
    Shaped release() {
        T* values = data();
        auto memory = std::make_unique<OutputMemory>(std::move(*memory_));
        nb::capsule owner(memory.get(), [](void* held) noexcept { delete static_cast<OutputMemory*>(held); });
        memory.release();
        return Shaped(values, Rank, shape_.data(), owner);
    }

  private:
    std::string described() const {
        std::string text;
        for (const std::size_t extent : shape_) text += (text.empty() ? "" : " x ") + std::to_string(extent);
        return text + " elements of " + std::to_string(sizeof(T)) + " bytes";
    }

    std::array<std::size_t, Rank> shape_;
    std::size_t size_ = 1;
    std::optional<OutputMemory> memory_;
};

void bind_kernels(nb::module_& module);
void bind_geometry(nb::module_& module);
void bind_pixels(nb::module_& module);
void bind_positions(nb::module_& module);

}  // namespace binding
