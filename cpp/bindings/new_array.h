// NumPy arrays for the outputs of the core.
#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "output_memory.h"

namespace binding {

namespace nb = nanobind;

/// Raises MemoryError about an output, such as "3 x 4 elements of 8 bytes".
[[noreturn]] void raise_memory_error(const std::string& output);

/// NumPy's type numbers (NPY_UBYTE, NPY_INT and NPY_FLOAT of numpy/ndarraytypes.h).
enum class Element : int { uint8 = 2, int32 = 5, float32 = 11 };

template <typename T>
constexpr Element element_of() {
    static_assert(std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::int32_t> || std::is_same_v<T, float>);
    if (std::is_same_v<T, std::uint8_t>) return Element::uint8;
    return std::is_same_v<T, std::int32_t> ? Element::int32 : Element::float32;
}

/// Returns a contiguous, writable NumPy array over `values`, which live as long as `owner`.
nb::object numpy_array(void* values, Element element, const std::size_t* shape, std::size_t rank, nb::object owner);

/// A new, uninitialized NumPy array.
template <typename T, std::size_t Rank>
class NewArray {
  public:
    explicit NewArray(const std::array<std::size_t, Rank>& shape) : shape_(shape) {
        constexpr std::size_t max_elements = std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T);
        try {
            for (const std::size_t extent : shape) {
                if (size_ != 0 && extent > max_elements / size_) throw std::bad_alloc();
                size_ *= extent;
            }
            memory_.emplace(size_ * sizeof(T));
        } catch (const std::bad_alloc&) {
            raise_memory_error(described());
        }
    }
    T* data() { return static_cast<T*>(memory_->data()); }
    std::int64_t size() const { return static_cast<std::int64_t>(size_); }

    /// Returns the array and gives its memory to Python.
    nb::object release() {
        T* values = data();
        auto memory = std::make_unique<OutputMemory>(std::move(*memory_));
        nb::capsule owner(memory.get(), [](void* output) noexcept { delete static_cast<OutputMemory*>(output); });
        memory.release();
        return numpy_array(values, element_of<T>(), shape_.data(), Rank, std::move(owner));
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

}  // namespace binding
