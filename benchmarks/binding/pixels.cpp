// Resize and patches, one image or several.
#include "arguments.h"

namespace binding {

using namespace py::literals;

namespace {

using Sizes = std::vector<std::array<std::int64_t, 2>>;

std::int32_t parse_pass_order(const std::string& name) {
    if (name == "pillow13") return SACCADE_PASS_ORDER_PILLOW13;
    if (name == "horizontal") return SACCADE_PASS_ORDER_HORIZONTAL;
    raise_input_error("pass_order is '" + name + "'; it must be 'pillow13' or 'horizontal'");
}

py::array resize(const py::array& image, std::int64_t width, std::int64_t height, const std::string& pass_order,
                 const std::string& format) {
    const Image source(image, format);
    const std::int32_t order = parse_pass_order(pass_order);
    if (width < 1 || height < 1 || width > SACCADE_MAX_SIDE || height > SACCADE_MAX_SIDE) {
        raise_input_error("size is " + std::to_string(width) + "x" + std::to_string(height));
    }
    NewArray<std::uint8_t> target({height, width, 3});
    std::int32_t status = SACCADE_OK;
    {
        const py::gil_scoped_release unlocked;
        status = saccade_resize(source.pixels, source.width, source.height, source.stride, source.format, width, height,
                                order, target.data(), target.size());
    }
    check(status);
    return target.release();
}

/// Images with the sizes they are resized to, and one array for the patches of all.
template <typename Value, typename Run>
py::array make_patches(const std::vector<py::array>& arrays, const Sizes& sizes, const std::string& pass_order,
                       std::int64_t patch_size, std::int64_t merge_size, std::int64_t frames, const std::string& format,
                       Run run) {
    if (arrays.empty() || arrays.size() != sizes.size()) raise_input_error("images and sizes must be as many");
    const std::int32_t order = parse_pass_order(pass_order);
    std::vector<saccade_batch_image> images;
    std::int64_t all = 0, values = 0;
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        const Image image(arrays[i], format);
        std::int64_t patches = 0;
        check(saccade_patchify_size(sizes[i][0], sizes[i][1], patch_size, merge_size, frames, &patches, &values));
        images.push_back({image.pixels, image.width, image.height, image.stride, image.format, order, sizes[i][0],
                          sizes[i][1], nullptr, patches * values});
        all += patches;
    }
    NewArray<Value> patches({all, values});
    Value* next = patches.data();
    for (auto& image : images) {
        image.patches = next;
        next += image.patches_capacity;
    }
    std::int32_t status = SACCADE_OK;
    {
        const py::gil_scoped_release unlocked;
        status = run(images.data(), static_cast<std::int64_t>(images.size()));
    }
    check(status);
    return patches.release();
}

py::array native_patches_batch(const std::vector<py::array>& images, const Sizes& sizes, const std::string& pass_order,
                               std::int64_t patch_size, std::int64_t merge_size, std::int64_t window_size,
                               const std::string& format) {
    return make_patches<std::uint8_t>(images, sizes, pass_order, patch_size, merge_size, 1, format,
                                      [&](const saccade_batch_image* each, std::int64_t number) {
                                          return saccade_native_patches_batch(each, number, patch_size, merge_size,
                                                                              window_size);
                                      });
}

py::array reference_patches_batch(const std::vector<py::array>& images, const Sizes& sizes,
                                  const std::string& pass_order, std::int64_t patch_size, std::int64_t merge_size,
                                  std::int64_t temporal_patch_size, const Triple& mean, const Triple& std,
                                  const std::string& format) {
    return make_patches<float>(images, sizes, pass_order, patch_size, merge_size, temporal_patch_size, format,
                               [&](const saccade_batch_image* each, std::int64_t number) {
                                   return saccade_reference_patches_batch(each, number, patch_size, merge_size,
                                                                          temporal_patch_size, mean.data(), std.data());
                               });
}

py::array native_patches(const py::array& image, std::int64_t width, std::int64_t height, const std::string& pass_order,
                         std::int64_t patch_size, std::int64_t merge_size, std::int64_t window_size,
                         const std::string& format) {
    return native_patches_batch({image}, {{width, height}}, pass_order, patch_size, merge_size, window_size, format);
}

py::array reference_patches(const py::array& image, std::int64_t width, std::int64_t height,
                            const std::string& pass_order, std::int64_t patch_size, std::int64_t merge_size,
                            std::int64_t temporal_patch_size, const Triple& mean, const Triple& std,
                            const std::string& format) {
    return reference_patches_batch({image}, {{width, height}}, pass_order, patch_size, merge_size, temporal_patch_size,
                                   mean, std, format);
}

py::array patchify_native(const py::array& array, std::int64_t patch_size, std::int64_t merge_size,
                          std::int64_t window_size, const std::string& format) {
    const Image image(array, format);
    return native_patches(array, image.width, image.height, "pillow13", patch_size, merge_size, window_size, format);
}

py::array patchify_reference(const py::array& array, std::int64_t patch_size, std::int64_t merge_size,
                             std::int64_t temporal_patch_size, const Triple& mean, const Triple& std,
                             const std::string& format) {
    const Image image(array, format);
    return reference_patches(array, image.width, image.height, "pillow13", patch_size, merge_size, temporal_patch_size,
                             mean, std, format);
}

}  // namespace

void bind_pixels(py::module_& module) {
    module.def("resize", &resize, "image"_a, "width"_a, "height"_a, "pass_order"_a, "pixel_format"_a = "rgb");
    module.def("patchify_native", &patchify_native, "image"_a, "patch_size"_a, "merge_size"_a, "window_size"_a,
               "pixel_format"_a = "rgb");
    module.def("native_patches", &native_patches, "image"_a, "width"_a, "height"_a, "pass_order"_a, "patch_size"_a,
               "merge_size"_a, "window_size"_a, "pixel_format"_a = "rgb");
    module.def("native_patches_batch", &native_patches_batch, "images"_a, "sizes"_a, "pass_order"_a, "patch_size"_a,
               "merge_size"_a, "window_size"_a, "pixel_format"_a = "rgb");
    module.def("patchify_reference", &patchify_reference, "image"_a, "patch_size"_a, "merge_size"_a,
               "temporal_patch_size"_a, "mean"_a, "std"_a, "pixel_format"_a = "rgb");
    module.def("reference_patches", &reference_patches, "image"_a, "width"_a, "height"_a, "pass_order"_a,
               "patch_size"_a, "merge_size"_a, "temporal_patch_size"_a, "mean"_a, "std"_a, "pixel_format"_a = "rgb");
    module.def("reference_patches_batch", &reference_patches_batch, "images"_a, "sizes"_a, "pass_order"_a,
               "patch_size"_a, "merge_size"_a, "temporal_patch_size"_a, "mean"_a, "std"_a, "pixel_format"_a = "rgb");
}

}  // namespace binding
