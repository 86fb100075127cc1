#include <nanobind/stl/string.h>

#include <limits>

#include "arguments.h"
#include "new_array.h"

namespace binding {

using namespace nb::literals;

std::int32_t parse_backend(const std::string& name) {
    if (name == "pillow13") return SACCADE_BACKEND_PILLOW13;
    if (name == "pillow12") return SACCADE_BACKEND_PILLOW12;
    if (name == "torchvision") return SACCADE_BACKEND_TORCHVISION;
    raise_input_error("backend: expected 'pillow13', 'pillow12' or 'torchvision'; got '" + name + "'");
}

namespace {

nb::object resize(const AnyArray& image, std::int64_t width, std::int64_t height, const std::string& backend_name,
                  const std::string& format) {
    const Image source(image, format);
    const std::int32_t backend = parse_backend(backend_name);
    if (width < 1 || height < 1 || width > SACCADE_MAX_SIDE || height > SACCADE_MAX_SIDE) {
        raise_input_error("size: expected sides from 1 to " + std::to_string(SACCADE_MAX_SIDE) + "; got " +
                          std::to_string(width) + "x" + std::to_string(height));
    }
    NewArray<std::uint8_t, 3> target({static_cast<std::size_t>(height), static_cast<std::size_t>(width), 3});
    std::int32_t status = SACCADE_OK;
    {
        const nb::gil_scoped_release unlocked;
        status = saccade_resize(source.pixels, source.width, source.height, source.stride, source.format, width, height,
                                backend, target.data(), target.size());
    }
    check(status);
    return target.release();
}

std::array<std::size_t, 2> patches_shape(std::int64_t width, std::int64_t height, std::int64_t patch_size,
                                         std::int64_t merge_size, std::int64_t frames) {
    // Checked here, because the core calls it `frames`.
    if (frames < 1 || frames > SACCADE_MAX_SIDE) {
        raise_input_error("temporal_patch_size: expected 1 to " + std::to_string(SACCADE_MAX_SIDE) + "; got " +
                          std::to_string(frames));
    }
    std::int64_t patches = 0, values = 0;
    check(saccade_patchify_size(width, height, patch_size, merge_size, frames, &patches, &values));
    return {static_cast<std::size_t>(patches), static_cast<std::size_t>(values)};
}

using Sizes = std::vector<std::array<std::int64_t, 2>>;
/// One format per image, or one for all.
using Formats = std::vector<std::string>;

/// A batch of images with their resized sizes, and one array for all patches.
template <typename Value>
class Batch {
  public:
    Batch(const std::vector<AnyArray>& arrays, const Sizes& sizes, const std::string& backend_name,
          std::int64_t patch_size, std::int64_t merge_size, std::int64_t frames, const Formats& formats)
        : images_(describe(arrays, sizes, backend_name, formats)),
          patches_(whole_shape(sizes, patch_size, merge_size, frames)) {
        Value* next = patches_.data();
        for (std::size_t i = 0; i < images_.size(); ++i) {
            images_[i].patches = next;
            images_[i].patches_capacity = elements_[i];
            next += elements_[i];
        }
    }

    /// Calls run(images, count) without the GIL and returns the array of patches.
    template <typename Run>
    nb::object run_unlocked(Run run) {
        std::int32_t status = SACCADE_OK;
        {
            const nb::gil_scoped_release unlocked;
            status = run(images_.data(), static_cast<std::int64_t>(images_.size()));
        }
        check(status);
        return patches_.release();
    }

  private:
    static std::vector<saccade_batch_image> describe(const std::vector<AnyArray>& arrays, const Sizes& sizes,
                                                     const std::string& backend_name, const Formats& formats) {
        if (arrays.empty() || arrays.size() != sizes.size()) {
            raise_input_error("images, sizes: expected the same number of entries, at least 1; got " +
                              std::to_string(arrays.size()) + " images and " + std::to_string(sizes.size()) + " sizes");
        }
        if (formats.size() != arrays.size() && formats.size() != 1) {
            raise_input_error("pixel_formats: expected one entry per image (" + std::to_string(arrays.size()) +
                              ") or one for all; got " + std::to_string(formats.size()));
        }
        const std::int32_t backend = parse_backend(backend_name);
        std::vector<saccade_batch_image> images;
        for (std::size_t i = 0; i < arrays.size(); ++i) {
            const Image image(arrays[i], formats[formats.size() == 1 ? 0 : i]);
            images.push_back({.source = image.pixels,
                              .source_width = image.width,
                              .source_height = image.height,
                              .source_stride = image.stride,
                              .format = image.format,
                              .backend = backend,
                              .target_width = sizes[i][0],
                              .target_height = sizes[i][1],
                              .patches = nullptr,
                              .patches_capacity = 0});
        }
        return images;
    }

    std::array<std::size_t, 2> whole_shape(const Sizes& sizes, std::int64_t patch_size, std::int64_t merge_size,
                                           std::int64_t frames) {
        std::size_t patches = 0, values = 0;
        for (const auto& [width, height] : sizes) {
            const auto shape = patches_shape(width, height, patch_size, merge_size, frames);
            elements_.push_back(static_cast<std::int64_t>(shape[0] * shape[1]));
            values = shape[1];
            if (shape[0] > std::numeric_limits<std::size_t>::max() - patches) {
                raise_memory_error("the patches of " + std::to_string(sizes.size()) + " images");
            }
            patches += shape[0];
        }
        return {patches, values};
    }

    std::vector<saccade_batch_image> images_;
    std::vector<std::int64_t> elements_;
    NewArray<Value, 2> patches_;
};

nb::object resize_patchify_native_batch(const std::vector<AnyArray>& images, const Sizes& sizes,
                                        const std::string& backend_name, std::int64_t patch_size,
                                        std::int64_t merge_size, std::int64_t window_size, const Formats& formats) {
    Batch<std::uint8_t> batch(images, sizes, backend_name, patch_size, merge_size, 1, formats);
    return batch.run_unlocked([&](const saccade_batch_image* each, std::int64_t count) {
        return saccade_resize_patchify_native_batch(each, count, patch_size, merge_size, window_size);
    });
}

nb::object resize_patchify_reference_batch(const std::vector<AnyArray>& images, const Sizes& sizes,
                                           const std::string& backend_name, std::int64_t patch_size,
                                           std::int64_t merge_size, std::int64_t temporal_patch_size,
                                           const std::array<double, 3>& mean, const std::array<double, 3>& std,
                                           const Formats& formats) {
    Batch<float> batch(images, sizes, backend_name, patch_size, merge_size, temporal_patch_size, formats);
    return batch.run_unlocked([&](const saccade_batch_image* each, std::int64_t count) {
        return saccade_resize_patchify_reference_batch(each, count, patch_size, merge_size, temporal_patch_size,
                                                       mean.data(), std.data());
    });
}

nb::object resize_patchify_native(const AnyArray& image, std::int64_t width, std::int64_t height,
                                  const std::string& backend_name, std::int64_t patch_size, std::int64_t merge_size,
                                  std::int64_t window_size, const std::string& format) {
    return resize_patchify_native_batch({image}, {{width, height}}, backend_name, patch_size, merge_size, window_size,
                                        {format});
}

nb::object resize_patchify_reference(const AnyArray& image, std::int64_t width, std::int64_t height,
                                     const std::string& backend_name, std::int64_t patch_size, std::int64_t merge_size,
                                     std::int64_t temporal_patch_size, const std::array<double, 3>& mean,
                                     const std::array<double, 3>& std, const std::string& format) {
    return resize_patchify_reference_batch({image}, {{width, height}}, backend_name, patch_size, merge_size,
                                           temporal_patch_size, mean, std, {format});
}

// An image that keeps its size takes no pass, so any backend will do.
nb::object patchify_native(const AnyArray& array, std::int64_t patch_size, std::int64_t merge_size,
                           std::int64_t window_size, const std::string& format) {
    const Image image(array, format);
    return resize_patchify_native(array, image.width, image.height, "pillow13", patch_size, merge_size, window_size,
                                  format);
}

nb::object patchify_reference(const AnyArray& array, std::int64_t patch_size, std::int64_t merge_size,
                              std::int64_t temporal_patch_size, const std::array<double, 3>& mean,
                              const std::array<double, 3>& std, const std::string& format,
                              const std::string& backend_name) {
    const Image image(array, format);
    return resize_patchify_reference(array, image.width, image.height, backend_name, patch_size, merge_size,
                                     temporal_patch_size, mean, std, format);
}

}  // namespace

void bind_pixels(nb::module_& module) {
    module.def("resize", &resize, "image"_a, "width"_a, "height"_a, "backend"_a, "pixel_format"_a = "rgb",
               nb::sig("def resize(image: numpy.typing.NDArray[numpy.uint8], width: int, height: int, "
                       "backend: str, pixel_format: str = 'rgb') -> numpy.typing.NDArray[numpy.uint8]"),
               "Return the resized image, uint8 [height, width, 3], bit for bit as the backend's BICUBIC: 'pillow13', "
               "'pillow12' (horizontal pass first) or 'torchvision'. pixel_format: 'rgb', "
               " 'rgba', 'bgra' (the fourth channel is ignored) or 'grey' ([height, width]).");
    module.def(
        "patchify_native", &patchify_native, "image"_a, "patch_size"_a, "merge_size"_a, "window_size"_a,
        "pixel_format"_a = "rgb",
        nb::sig("def patchify_native(image: numpy.typing.NDArray[numpy.uint8], patch_size: int, "
                "merge_size: int, window_size: int, pixel_format: str = 'rgb') "
                "-> numpy.typing.NDArray[numpy.uint8]"),
        "Return patches of an image, uint8 [patches, 3 * patch_size ** 2], each (channel, y, x), in window order. "
        "window_size: pixels; 0 for merge-block order.");
    module.def("resize_patchify_native", &resize_patchify_native, "image"_a, "width"_a, "height"_a, "backend"_a,
               "patch_size"_a, "merge_size"_a, "window_size"_a, "pixel_format"_a = "rgb",
               nb::sig("def resize_patchify_native(image: numpy.typing.NDArray[numpy.uint8], width: int, height: int, "
                       "backend: str, patch_size: int, merge_size: int, window_size: int, "
                       "pixel_format: str = 'rgb') -> numpy.typing.NDArray[numpy.uint8]"),
               "Return resize then patchify_native, without a resized image in memory.");
    module.def(
        "resize_patchify_native_batch", &resize_patchify_native_batch, "images"_a, "sizes"_a, "backend"_a,
        "patch_size"_a, "merge_size"_a, "window_size"_a, "pixel_formats"_a = Formats{"rgb"},
        nb::sig("def resize_patchify_native_batch(images: list[numpy.typing.NDArray[numpy.uint8]], "
                "sizes: list[tuple[int, int]], backend: str, patch_size: int, merge_size: int, "
                "window_size: int, pixel_formats: list[str] = ['rgb']) -> numpy.typing.NDArray[numpy.uint8]"),
        "Return the concatenated patches of several images, each as resize_patchify_native. sizes: (width, height) "
        "per image. pixel_formats: one per image, or one for all.");
    module.def(
        "patchify_reference", &patchify_reference, "image"_a, "patch_size"_a, "merge_size"_a, "temporal_patch_size"_a,
        "mean"_a, "std"_a, "pixel_format"_a = "rgb", "backend"_a = "pillow13",
        nb::sig("def patchify_reference(image: numpy.typing.NDArray[numpy.uint8], patch_size: int, "
                "merge_size: int, temporal_patch_size: int, mean: collections.abc.Sequence[float], "
                "std: collections.abc.Sequence[float], pixel_format: str = 'rgb', backend: str = 'pillow13') "
                "-> numpy.typing.NDArray[numpy.float32]"),
        "Return transformers' patches of an image, float32 [patches, 3 * temporal_patch_size * patch_size ** 2], in "
        "merge-block order.");
    module.def(
        "resize_patchify_reference", &resize_patchify_reference, "image"_a, "width"_a, "height"_a, "backend"_a,
        "patch_size"_a, "merge_size"_a, "temporal_patch_size"_a, "mean"_a, "std"_a, "pixel_format"_a = "rgb",
        nb::sig("def resize_patchify_reference(image: numpy.typing.NDArray[numpy.uint8], width: int, height: int, "
                "backend: str, patch_size: int, merge_size: int, temporal_patch_size: int, "
                "mean: collections.abc.Sequence[float], std: collections.abc.Sequence[float], "
                "pixel_format: str = 'rgb') -> numpy.typing.NDArray[numpy.float32]"),
        "Return resize then patchify_reference, without a resized image in memory.");
    module.def(
        "resize_patchify_reference_batch", &resize_patchify_reference_batch, "images"_a, "sizes"_a, "backend"_a,
        "patch_size"_a, "merge_size"_a, "temporal_patch_size"_a, "mean"_a, "std"_a, "pixel_formats"_a = Formats{"rgb"},
        nb::sig("def resize_patchify_reference_batch(images: list[numpy.typing.NDArray[numpy.uint8]], "
                "sizes: list[tuple[int, int]], backend: str, patch_size: int, merge_size: int, "
                "temporal_patch_size: int, mean: collections.abc.Sequence[float], "
                "std: collections.abc.Sequence[float], pixel_formats: list[str] = ['rgb']) "
                "-> numpy.typing.NDArray[numpy.float32]"),
        "Return the concatenated patches of several images, each as resize_patchify_reference. sizes: (width, height) "
        "per image. pixel_formats: one per image, or one for all.");
}

}  // namespace binding
