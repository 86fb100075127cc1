#include <nanobind/stl/string.h>

#include "arguments.h"

namespace binding {

using namespace nb::literals;

namespace {

std::int32_t parse_pass_order(const std::string& name) {
    if (name == "pillow13") return SACCADE_PASS_ORDER_PILLOW13;
    if (name == "horizontal") return SACCADE_PASS_ORDER_HORIZONTAL;
    raise_input_error("pass_order is '" + name + "'; it must be 'pillow13' or 'horizontal'");
}

NewArray<std::uint8_t, 3>::Shaped resize(const AnyArray& image, std::int64_t width, std::int64_t height,
                                         const std::string& pass_order) {
    const Image source(image);
    const std::int32_t order = parse_pass_order(pass_order);
    if (width < 1 || height < 1 || width > SACCADE_MAX_SIDE || height > SACCADE_MAX_SIDE) {
        raise_input_error("size is " + std::to_string(width) + "x" + std::to_string(height) +
                          "; its sides must be from 1 to " + std::to_string(SACCADE_MAX_SIDE));
    }
    NewArray<std::uint8_t, 3> target({static_cast<std::size_t>(height), static_cast<std::size_t>(width), 3});
    std::int32_t status = SACCADE_OK;
    {
        const nb::gil_scoped_release unlocked;
        status = saccade_resize(source.pixels, source.width, source.height, source.stride, width, height, order,
                                target.data(), target.size());
    }
    check(status);
    return target.release();
}

std::array<std::size_t, 2> patches_shape(const Image& image, std::int64_t patch_size, std::int64_t merge_size,
                                         std::int64_t frames) {
    std::int64_t patches = 0, values = 0;
    check(saccade_patchify_size(image.width, image.height, patch_size, merge_size, frames, &patches, &values));
    return {static_cast<std::size_t>(patches), static_cast<std::size_t>(values)};
}

NewArray<std::uint8_t, 2>::Shaped patchify_native(const AnyArray& array, std::int64_t patch_size,
                                                  std::int64_t merge_size, std::int64_t window_size) {
    const Image image(array);
    NewArray<std::uint8_t, 2> patches(patches_shape(image, patch_size, merge_size, 1));
    std::int32_t status = SACCADE_OK;
    {
        const nb::gil_scoped_release unlocked;
        status = saccade_patchify_native(image.pixels, image.width, image.height, image.stride, patch_size, merge_size,
                                         window_size, patches.data(), patches.size());
    }
    check(status);
    return patches.release();
}

NewArray<std::uint8_t, 2>::Shaped native_patches(const AnyArray& array, std::int64_t width, std::int64_t height,
                                                 const std::string& pass_order, std::int64_t patch_size,
                                                 std::int64_t merge_size, std::int64_t window_size,
                                                 const std::string& format) {
    const Image image(array, format);
    const std::int32_t order = parse_pass_order(pass_order);
    std::int64_t count = 0, values = 0;
    check(saccade_patchify_size(width, height, patch_size, merge_size, 1, &count, &values));
    NewArray<std::uint8_t, 2> patches({static_cast<std::size_t>(count), static_cast<std::size_t>(values)});
    std::int32_t status = SACCADE_OK;
    {
        const nb::gil_scoped_release unlocked;
        status =
            saccade_native_patches(image.pixels, image.width, image.height, image.stride, image.format, width, height,
                                   order, patch_size, merge_size, window_size, patches.data(), patches.size());
    }
    check(status);
    return patches.release();
}

NewArray<float, 2>::Shaped patchify_reference(const AnyArray& array, std::int64_t patch_size, std::int64_t merge_size,
                                              std::int64_t temporal_patch_size, const std::array<double, 3>& mean,
                                              const std::array<double, 3>& std) {
    const Image image(array);
    NewArray<float, 2> patches(patches_shape(image, patch_size, merge_size, temporal_patch_size));
    std::int32_t status = SACCADE_OK;
    {
        const nb::gil_scoped_release unlocked;
        status =
            saccade_patchify_reference(image.pixels, image.width, image.height, image.stride, patch_size, merge_size,
                                       temporal_patch_size, mean.data(), std.data(), patches.data(), patches.size());
    }
    check(status);
    return patches.release();
}

NewArray<float, 2>::Shaped reference_patches(const AnyArray& array, std::int64_t width, std::int64_t height,
                                             const std::string& pass_order, std::int64_t patch_size,
                                             std::int64_t merge_size, std::int64_t temporal_patch_size,
                                             const std::array<double, 3>& mean, const std::array<double, 3>& std,
                                             const std::string& format) {
    const Image image(array, format);
    const std::int32_t order = parse_pass_order(pass_order);
    std::int64_t count = 0, values = 0;
    check(saccade_patchify_size(width, height, patch_size, merge_size, temporal_patch_size, &count, &values));
    NewArray<float, 2> patches({static_cast<std::size_t>(count), static_cast<std::size_t>(values)});
    std::int32_t status = SACCADE_OK;
    {
        const nb::gil_scoped_release unlocked;
        status = saccade_reference_patches(image.pixels, image.width, image.height, image.stride, image.format, width,
                                           height, order, patch_size, merge_size, temporal_patch_size, mean.data(),
                                           std.data(), patches.data(), patches.size());
    }
    check(status);
    return patches.release();
}

}  // namespace

void bind_pixels(nb::module_& module) {
    module.def("resize", &resize, "image"_a, "width"_a, "height"_a, "pass_order"_a,
               nb::sig("def resize(image: numpy.typing.NDArray[numpy.uint8], width: int, height: int, pass_order: str) "
                       "-> numpy.typing.NDArray[numpy.uint8]"),
               "uint8 [h, w, 3] resampled to [height, width, 3] as Pillow's BICUBIC, bit for bit.");
    module.def("patchify_native", &patchify_native, "image"_a, "patch_size"_a, "merge_size"_a, "window_size"_a,
               nb::sig("def patchify_native(image: numpy.typing.NDArray[numpy.uint8], patch_size: int, "
                       "merge_size: int, window_size: int) -> numpy.typing.NDArray[numpy.uint8]"),
               "uint8 [patches, 3 * patch_size ** 2], (channel, y, x) each, in window order; window_size 0: blocks'.");
    module.def(
        "native_patches", &native_patches, "image"_a, "width"_a, "height"_a, "pass_order"_a, "patch_size"_a,
        "merge_size"_a, "window_size"_a, "pixel_format"_a = "rgb",
        nb::sig("def native_patches(image: numpy.typing.NDArray[numpy.uint8], width: int, height: int, "
                "pass_order: str, patch_size: int, merge_size: int, window_size: int, pixel_format: str = 'rgb') "
                "-> numpy.typing.NDArray[numpy.uint8]"),
        "resize and patchify_native in one, without the resized image in between. pixel_format: 'rgb', 'rgba', 'bgra' "
        "(the "
        "fourth channel is ignored), 'grey' ([height, width]).");
    module.def("reference_patches", &reference_patches, "image"_a, "width"_a, "height"_a, "pass_order"_a,
               "patch_size"_a, "merge_size"_a, "temporal_patch_size"_a, "mean"_a, "std"_a, "pixel_format"_a = "rgb",
               nb::sig("def reference_patches(image: numpy.typing.NDArray[numpy.uint8], width: int, height: int, "
                       "pass_order: str, patch_size: int, merge_size: int, temporal_patch_size: int, "
                       "mean: collections.abc.Sequence[float], std: collections.abc.Sequence[float], "
                       "pixel_format: str = 'rgb') -> numpy.typing.NDArray[numpy.float32]"),
               "resize and patchify_reference in one, without the resized image in between.");
    module.def("patchify_reference", &patchify_reference, "image"_a, "patch_size"_a, "merge_size"_a,
               "temporal_patch_size"_a, "mean"_a, "std"_a,
               nb::sig("def patchify_reference(image: numpy.typing.NDArray[numpy.uint8], patch_size: int, "
                       "merge_size: int, temporal_patch_size: int, mean: collections.abc.Sequence[float], "
                       "std: collections.abc.Sequence[float]) -> numpy.typing.NDArray[numpy.float32]"),
               "float32 [patches, 3 * temporal_patch_size * patch_size ** 2] in merge-block order, as transformers.");
}

}  // namespace binding
