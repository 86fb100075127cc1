#include <nanobind/stl/string.h>

#include <limits>

#include "arguments.h"
#include "new_array.h"

namespace binding {

using namespace nb::literals;

namespace {

std::int32_t parse_pass_order(const std::string& name) {
    if (name == "pillow13") return SACCADE_PASS_ORDER_PILLOW13;
    if (name == "horizontal") return SACCADE_PASS_ORDER_HORIZONTAL;
    raise_input_error("pass_order is '" + name + "'; it must be 'pillow13' or 'horizontal'");
}

nb::object resize(const AnyArray& image, std::int64_t width, std::int64_t height, const std::string& pass_order,
                  const std::string& format) {
    const Image source(image, format);
    const std::int32_t order = parse_pass_order(pass_order);
    if (width < 1 || height < 1 || width > SACCADE_MAX_SIDE || height > SACCADE_MAX_SIDE) {
        raise_input_error("size is " + std::to_string(width) + "x" + std::to_string(height) +
                          "; its sides must be from 1 to " + std::to_string(SACCADE_MAX_SIDE));
    }
    NewArray<std::uint8_t, 3> target({static_cast<std::size_t>(height), static_cast<std::size_t>(width), 3});
    std::int32_t status = SACCADE_OK;
    {
        const nb::gil_scoped_release unlocked;
        status = saccade_resize(source.pixels, source.width, source.height, source.stride, source.format, width, height,
                                order, target.data(), target.size());
    }
    check(status);
    return target.release();
}

std::array<std::size_t, 2> patches_shape(std::int64_t width, std::int64_t height, std::int64_t patch_size,
                                         std::int64_t merge_size, std::int64_t frames) {
    // The core calls it by its own name.
    if (frames < 1 || frames > SACCADE_MAX_SIDE) {
        raise_input_error("temporal_patch_size is " + std::to_string(frames) + "; it must be from 1 to " +
                          std::to_string(SACCADE_MAX_SIDE));
    }
    std::int64_t patches = 0, values = 0;
    check(saccade_patchify_size(width, height, patch_size, merge_size, frames, &patches, &values));
    return {static_cast<std::size_t>(patches), static_cast<std::size_t>(values)};
}

using Sizes = std::vector<std::array<std::int64_t, 2>>;
/// One for each image, or one for all.
using Formats = std::vector<std::string>;

/// Images with the sizes they are resized to, and one array for the patches of all.
template <typename Value>
class Batch {
  public:
    Batch(const std::vector<AnyArray>& arrays, const Sizes& sizes, const std::string& pass_order,
          std::int64_t patch_size, std::int64_t merge_size, std::int64_t frames, const Formats& formats)
        : images_(describe(arrays, sizes, pass_order, formats)),
          patches_(whole_shape(sizes, patch_size, merge_size, frames)) {
        Value* next = patches_.data();
        for (std::size_t i = 0; i < images_.size(); ++i) {
            images_[i].patches = next;
            images_[i].patches_capacity = elements_[i];
            next += elements_[i];
        }
    }

    /// Calls run(images, count) without the GIL and hands over the patches.
    template <typename Run>
    nb::object made_by(Run run) {
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
                                                     const std::string& pass_order, const Formats& formats) {
        if (arrays.empty() || arrays.size() != sizes.size()) {
            raise_input_error("images has " + std::to_string(arrays.size()) + " entries and sizes " +
                              std::to_string(sizes.size()) + "; there must be as many of both, at least 1");
        }
        if (formats.size() != arrays.size() && formats.size() != 1) {
            raise_input_error("pixel_formats has " + std::to_string(formats.size()) + " entries for " +
                              std::to_string(arrays.size()) + " images; give one for each, or one for all");
        }
        const std::int32_t order = parse_pass_order(pass_order);
        std::vector<saccade_batch_image> images;
        for (std::size_t i = 0; i < arrays.size(); ++i) {
            const Image image(arrays[i], formats[formats.size() == 1 ? 0 : i]);
            images.push_back({.source = image.pixels,
                              .source_width = image.width,
                              .source_height = image.height,
                              .source_stride = image.stride,
                              .format = image.format,
                              .pass_order = order,
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

nb::object native_patches_batch(const std::vector<AnyArray>& images, const Sizes& sizes, const std::string& pass_order,
                                std::int64_t patch_size, std::int64_t merge_size, std::int64_t window_size,
                                const Formats& formats) {
    Batch<std::uint8_t> batch(images, sizes, pass_order, patch_size, merge_size, 1, formats);
    return batch.made_by([&](const saccade_batch_image* each, std::int64_t count) {
        return saccade_native_patches_batch(each, count, patch_size, merge_size, window_size);
    });
}

nb::object reference_patches_batch(const std::vector<AnyArray>& images, const Sizes& sizes,
                                   const std::string& pass_order, std::int64_t patch_size, std::int64_t merge_size,
                                   std::int64_t temporal_patch_size, const std::array<double, 3>& mean,
                                   const std::array<double, 3>& std, const Formats& formats) {
    Batch<float> batch(images, sizes, pass_order, patch_size, merge_size, temporal_patch_size, formats);
    return batch.made_by([&](const saccade_batch_image* each, std::int64_t count) {
        return saccade_reference_patches_batch(each, count, patch_size, merge_size, temporal_patch_size, mean.data(),
                                               std.data());
    });
}

nb::object native_patches(const AnyArray& image, std::int64_t width, std::int64_t height, const std::string& pass_order,
                          std::int64_t patch_size, std::int64_t merge_size, std::int64_t window_size,
                          const std::string& format) {
    return native_patches_batch({image}, {{width, height}}, pass_order, patch_size, merge_size, window_size, {format});
}

nb::object reference_patches(const AnyArray& image, std::int64_t width, std::int64_t height,
                             const std::string& pass_order, std::int64_t patch_size, std::int64_t merge_size,
                             std::int64_t temporal_patch_size, const std::array<double, 3>& mean,
                             const std::array<double, 3>& std, const std::string& format) {
    return reference_patches_batch({image}, {{width, height}}, pass_order, patch_size, merge_size, temporal_patch_size,
                                   mean, std, {format});
}

// An image that keeps its size goes through no pass, whatever their order.
nb::object patchify_native(const AnyArray& array, std::int64_t patch_size, std::int64_t merge_size,
                           std::int64_t window_size, const std::string& format) {
    const Image image(array, format);
    return native_patches(array, image.width, image.height, "pillow13", patch_size, merge_size, window_size, format);
}

nb::object patchify_reference(const AnyArray& array, std::int64_t patch_size, std::int64_t merge_size,
                              std::int64_t temporal_patch_size, const std::array<double, 3>& mean,
                              const std::array<double, 3>& std, const std::string& format) {
    const Image image(array, format);
    return reference_patches(array, image.width, image.height, "pillow13", patch_size, merge_size, temporal_patch_size,
                             mean, std, format);
}

}  // namespace

void bind_pixels(nb::module_& module) {
    module.def("resize", &resize, "image"_a, "width"_a, "height"_a, "pass_order"_a, "pixel_format"_a = "rgb",
               nb::sig("def resize(image: numpy.typing.NDArray[numpy.uint8], width: int, height: int, "
                       "pass_order: str, pixel_format: str = 'rgb') -> numpy.typing.NDArray[numpy.uint8]"),
               "uint8 [height, width, 3] as Pillow's BICUBIC of the RGB image, bit for bit. pixel_format of the "
               "source: 'rgb', 'rgba', 'bgra' (the fourth channel is ignored), 'grey' ([height, width]).");
    module.def("patchify_native", &patchify_native, "image"_a, "patch_size"_a, "merge_size"_a, "window_size"_a,
               "pixel_format"_a = "rgb",
               nb::sig("def patchify_native(image: numpy.typing.NDArray[numpy.uint8], patch_size: int, "
                       "merge_size: int, window_size: int, pixel_format: str = 'rgb') "
                       "-> numpy.typing.NDArray[numpy.uint8]"),
               "uint8 [patches, 3 * patch_size ** 2], (channel, y, x) each, in window order; window_size 0: blocks'.");
    module.def("native_patches", &native_patches, "image"_a, "width"_a, "height"_a, "pass_order"_a, "patch_size"_a,
               "merge_size"_a, "window_size"_a, "pixel_format"_a = "rgb",
               nb::sig("def native_patches(image: numpy.typing.NDArray[numpy.uint8], width: int, height: int, "
                       "pass_order: str, patch_size: int, merge_size: int, window_size: int, "
                       "pixel_format: str = 'rgb') -> numpy.typing.NDArray[numpy.uint8]"),
               "resize and patchify_native in one, without the resized image in between.");
    module.def("native_patches_batch", &native_patches_batch, "images"_a, "sizes"_a, "pass_order"_a, "patch_size"_a,
               "merge_size"_a, "window_size"_a, "pixel_formats"_a = Formats{"rgb"},
               nb::sig("def native_patches_batch(images: list[numpy.typing.NDArray[numpy.uint8]], "
                       "sizes: list[tuple[int, int]], pass_order: str, patch_size: int, merge_size: int, "
                       "window_size: int, pixel_formats: list[str] = ['rgb']) -> numpy.typing.NDArray[numpy.uint8]"),
               "native_patches of several images, each resized to its (width, height), one after the other. "
               "pixel_formats: one "
               "for each image, or one for all.");
    module.def("patchify_reference", &patchify_reference, "image"_a, "patch_size"_a, "merge_size"_a,
               "temporal_patch_size"_a, "mean"_a, "std"_a, "pixel_format"_a = "rgb",
               nb::sig("def patchify_reference(image: numpy.typing.NDArray[numpy.uint8], patch_size: int, "
                       "merge_size: int, temporal_patch_size: int, mean: collections.abc.Sequence[float], "
                       "std: collections.abc.Sequence[float], pixel_format: str = 'rgb') "
                       "-> numpy.typing.NDArray[numpy.float32]"),
               "float32 [patches, 3 * temporal_patch_size * patch_size ** 2] in merge-block order, as transformers.");
    module.def("reference_patches", &reference_patches, "image"_a, "width"_a, "height"_a, "pass_order"_a,
               "patch_size"_a, "merge_size"_a, "temporal_patch_size"_a, "mean"_a, "std"_a, "pixel_format"_a = "rgb",
               nb::sig("def reference_patches(image: numpy.typing.NDArray[numpy.uint8], width: int, height: int, "
                       "pass_order: str, patch_size: int, merge_size: int, temporal_patch_size: int, "
                       "mean: collections.abc.Sequence[float], std: collections.abc.Sequence[float], "
                       "pixel_format: str = 'rgb') -> numpy.typing.NDArray[numpy.float32]"),
               "resize and patchify_reference in one, without the resized image in between.");
    module.def("reference_patches_batch", &reference_patches_batch, "images"_a, "sizes"_a, "pass_order"_a,
               "patch_size"_a, "merge_size"_a, "temporal_patch_size"_a, "mean"_a, "std"_a,
               "pixel_formats"_a = Formats{"rgb"},
               nb::sig("def reference_patches_batch(images: list[numpy.typing.NDArray[numpy.uint8]], "
                       "sizes: list[tuple[int, int]], pass_order: str, patch_size: int, merge_size: int, "
                       "temporal_patch_size: int, mean: collections.abc.Sequence[float], "
                       "std: collections.abc.Sequence[float], pixel_formats: list[str] = ['rgb']) "
                       "-> numpy.typing.NDArray[numpy.float32]"),
               "reference_patches of several images, each resized to its (width, height), one after the other. "
               "pixel_formats: one "
               "for each image, or one for all.");
}

}  // namespace binding
