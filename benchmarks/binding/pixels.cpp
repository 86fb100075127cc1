// Resize and patches, one image or several.
#include "arguments.h"

namespace binding {

using namespace py::literals;

namespace {

using Sizes = std::vector<std::array<std::int64_t, 2>>;

std::int32_t parse_backend(const std::string& name) {
    if (name == "pillow13") return SACCADE_BACKEND_PILLOW13;
    if (name == "pillow12") return SACCADE_BACKEND_PILLOW12;
    if (name == "torchvision") return SACCADE_BACKEND_TORCHVISION;
    raise_input_error("backend: expected 'pillow13', 'pillow12' or 'torchvision'; got '" + name + "'");
}

py::array resize(const py::array& image, std::int64_t width, std::int64_t height, const std::string& backend_name,
                 const std::string& format) {
    const Image source(image, format);
    const std::int32_t backend = parse_backend(backend_name);
    if (width < 1 || height < 1 || width > SACCADE_MAX_SIDE || height > SACCADE_MAX_SIDE) {
        raise_input_error("size: got " + std::to_string(width) + "x" + std::to_string(height));
    }
    NewArray<std::uint8_t> target({height, width, 3});
    std::int32_t status = SACCADE_OK;
    {
        const py::gil_scoped_release unlocked;
        status = saccade_resize(source.pixels, source.width, source.height, source.stride, source.format, width, height,
                                backend, target.data(), target.size());
    }
    check(status);
    return target.release();
}

/// Returns one array with the patches of all images.
template <typename Value, typename Run>
py::array make_patches(const std::vector<py::array>& arrays, const Sizes& sizes, const std::string& backend_name,
                       std::int64_t patch_size, std::int64_t merge_size, std::int64_t frames, const std::string& format,
                       Run run) {
    if (arrays.empty() || arrays.size() != sizes.size()) raise_input_error("images, sizes: expected the same number");
    const std::int32_t backend = parse_backend(backend_name);
    std::vector<saccade_batch_image> images;
    std::int64_t all = 0, values = 0;
    for (std::size_t i = 0; i < arrays.size(); ++i) {
        const Image image(arrays[i], format);
        std::int64_t patches = 0;
        check(saccade_patchify_size(sizes[i][0], sizes[i][1], patch_size, merge_size, frames, &patches, &values));
        images.push_back({image.pixels, image.width, image.height, image.stride, image.format, backend, sizes[i][0],
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

py::array resize_patchify_native_batch(const std::vector<py::array>& images, const Sizes& sizes,
                                       const std::string& backend_name, std::int64_t patch_size,
                                       std::int64_t merge_size, std::int64_t window_size, const std::string& format) {
    return make_patches<std::uint8_t>(images, sizes, backend_name, patch_size, merge_size, 1, format,
                                      [&](const saccade_batch_image* each, std::int64_t number) {
                                          return saccade_resize_patchify_native_batch(each, number, patch_size,
                                                                                      merge_size, window_size);
                                      });
}

py::array resize_patchify_reference_batch(const std::vector<py::array>& images, const Sizes& sizes,
                                          const std::string& backend_name, std::int64_t patch_size,
                                          std::int64_t merge_size, std::int64_t temporal_patch_size, const Triple& mean,
                                          const Triple& std, const std::string& format) {
    return make_patches<float>(images, sizes, backend_name, patch_size, merge_size, temporal_patch_size, format,
                               [&](const saccade_batch_image* each, std::int64_t number) {
                                   return saccade_resize_patchify_reference_batch(each, number, patch_size, merge_size,
                                                                                  temporal_patch_size, mean.data(),
                                                                                  std.data());
                               });
}

py::array resize_patchify_native(const py::array& image, std::int64_t width, std::int64_t height,
                                 const std::string& backend_name, std::int64_t patch_size, std::int64_t merge_size,
                                 std::int64_t window_size, const std::string& format) {
    return resize_patchify_native_batch({image}, {{width, height}}, backend_name, patch_size, merge_size, window_size,
                                        format);
}

py::array resize_patchify_reference(const py::array& image, std::int64_t width, std::int64_t height,
                                    const std::string& backend_name, std::int64_t patch_size, std::int64_t merge_size,
                                    std::int64_t temporal_patch_size, const Triple& mean, const Triple& std,
                                    const std::string& format) {
    return resize_patchify_reference_batch({image}, {{width, height}}, backend_name, patch_size, merge_size,
                                           temporal_patch_size, mean, std, format);
}

py::array patchify_native(const py::array& array, std::int64_t patch_size, std::int64_t merge_size,
                          std::int64_t window_size, const std::string& format) {
    const Image image(array, format);
    return resize_patchify_native(array, image.width, image.height, "pillow13", patch_size, merge_size, window_size,
                                  format);
}

py::array patchify_reference(const py::array& array, std::int64_t patch_size, std::int64_t merge_size,
                             std::int64_t temporal_patch_size, const Triple& mean, const Triple& std,
                             const std::string& format) {
    const Image image(array, format);
    return resize_patchify_reference(array, image.width, image.height, "pillow13", patch_size, merge_size,
                                     temporal_patch_size, mean, std, format);
}

}  // namespace

void bind_pixels(py::module_& module) {
    module.def("resize", &resize, "image"_a, "width"_a, "height"_a, "backend"_a, "pixel_format"_a = "rgb");
    module.def("patchify_native", &patchify_native, "image"_a, "patch_size"_a, "merge_size"_a, "window_size"_a,
               "pixel_format"_a = "rgb");
    module.def("resize_patchify_native", &resize_patchify_native, "image"_a, "width"_a, "height"_a, "backend"_a,
               "patch_size"_a, "merge_size"_a, "window_size"_a, "pixel_format"_a = "rgb");
    module.def("resize_patchify_native_batch", &resize_patchify_native_batch, "images"_a, "sizes"_a, "backend"_a,
               "patch_size"_a, "merge_size"_a, "window_size"_a, "pixel_format"_a = "rgb");
    module.def("patchify_reference", &patchify_reference, "image"_a, "patch_size"_a, "merge_size"_a,
               "temporal_patch_size"_a, "mean"_a, "std"_a, "pixel_format"_a = "rgb");
    module.def("resize_patchify_reference", &resize_patchify_reference, "image"_a, "width"_a, "height"_a, "backend"_a,
               "patch_size"_a, "merge_size"_a, "temporal_patch_size"_a, "mean"_a, "std"_a, "pixel_format"_a = "rgb");
    module.def("resize_patchify_reference_batch", &resize_patchify_reference_batch, "images"_a, "sizes"_a, "backend"_a,
               "patch_size"_a, "merge_size"_a, "temporal_patch_size"_a, "mean"_a, "std"_a, "pixel_format"_a = "rgb");
}

}  // namespace binding
