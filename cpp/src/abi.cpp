// The C interface. guarded() turns every exception into a status and a message.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "checked.h"
#include "geometry.h"
#include "grid.h"
#include "kernels/kernel.h"
#include "patchify_native.h"
#include "patchify_reference.h"
#include "plan.h"
#include "positions.h"
#include "resize.h"
#include "saccade.h"
#include "threads.h"
#include "windows.h"

namespace saccade {
namespace {

std::string& last_message() {
    thread_local std::string message;
    return message;
}

/// Sets this thread's message and returns `status`.
std::int32_t fail(std::int32_t status, const char* message) noexcept {
    try {
        last_message() = message;
    } catch (const std::bad_alloc&) {
        last_message().clear();
    }
    return status;
}

/// Calls `body` and returns the status of what it throws.
template <typename Body>
std::int32_t guarded(Body body) noexcept {
    try {
        body();
        return SACCADE_OK;
    } catch (const InputError& error) {
        return fail(SACCADE_ERROR_INPUT, error.what());
    } catch (const std::bad_alloc&) {
        return fail(SACCADE_ERROR_MEMORY, "out of memory for working buffers. Use a smaller image");
    } catch (const std::exception& error) {
        return fail(SACCADE_ERROR_INTERNAL, error.what());
    } catch (...) {
        return fail(SACCADE_ERROR_INTERNAL, "unknown exception");
    }
}

/// Throws InputError about `what` if the pointer is NULL.
void check_pointer(const void* pointer, const char* what) {
    if (pointer == nullptr) reject(what, ": expected a pointer; got NULL");
}

Normalization to_normalization(const double* mean, const double* std) {
    check_pointer(mean, "mean");
    check_pointer(std, "std");
    return {{mean[0], mean[1], mean[2]}, {std[0], std[1], std[2]}};
}

/// Copies a struct into the caller's, which may be of an older or newer header and so shorter or longer. `first_bytes`:
/// its size when it was added to the interface.
template <typename Struct>
void copy_known(const Struct& from, Struct* to, std::int64_t bytes, std::int64_t first_bytes, const char* what) {
    if (bytes < first_bytes) reject(what, ": expected at least ", first_bytes, "; got ", bytes);
    std::memcpy(to, &from, std::min(static_cast<std::size_t>(bytes), sizeof(Struct)));
}

/// Throws InputError about `what` if a pointer to `count` elements is NULL and count is not 0.
void check_array(const void* pointer, std::int64_t count, const char* what) {
    if (count > 0) check_pointer(pointer, what);
}

Image to_image(const std::uint8_t* pixels, std::int64_t width, std::int64_t height, std::int64_t stride,
               std::int32_t format) {
    return {pixels, width, height, stride, static_cast<PixelFormat>(format)};
}

template <typename Value>
std::vector<PatchesRequest<Value>> to_requests(const saccade_batch_image* images, std::int64_t count) {
    if (count < 1) reject("images: expected at least 1 entry; got ", count);
    check_pointer(images, "images");
    std::vector<PatchesRequest<Value>> requests;
    for (const saccade_batch_image& one : std::span(images, static_cast<std::size_t>(count))) {
        requests.push_back({to_image(one.source, one.source_width, one.source_height, one.source_stride, one.format),
                            {one.target_width, one.target_height},
                            static_cast<Backend>(one.backend),
                            static_cast<Value*>(one.patches),
                            one.patches_capacity});
    }
    return requests;
}

/// Checks an image that is not resized, so that errors name width and height, not target_width and target_height.
std::int32_t check_own_size(std::int64_t width, std::int64_t height, const PatchSpec& spec, std::int64_t frames) {
    return guarded([&] { patches_shape(width, height, spec, frames, {.frames = "temporal_patch_size"}); });
}

Grids read_grids(const std::int64_t* grids, std::int64_t count, std::int64_t merge_size) {
    if (count < 1) reject("grids: expected at least 1 entry; got ", count);
    check_pointer(grids, "grids");
    return Grids(grids, count, merge_size, "grids");
}

struct WindowSizes {
    std::int64_t tokens;
    std::int64_t boundaries;
};

WindowSizes window_sizes(const Grids& grids, std::int64_t merge_size, std::int64_t side) {
    return {grids.patches() / (merge_size * merge_size), window_count(grids, merge_size, side) + 1};
}

}  // namespace
}  // namespace saccade

using namespace saccade;

std::int32_t saccade_abi_version(void) { return SACCADE_ABI_VERSION; }

const char* saccade_version(void) { return SACCADE_VERSION; }

const char* saccade_kernel(void) {
    const char* name = nullptr;
    guarded([&] { name = selected_kernel().name; });
    return name;
}

const char* saccade_kernels(void) {
    const char* names = nullptr;
    guarded([&] { names = available_kernels().c_str(); });
    return names;
}

std::int32_t saccade_select_kernel(const char* name) {
    return guarded([&] { select_kernel(name); });
}

std::int32_t saccade_threads(std::int64_t* out_threads) {
    return guarded([&] {
        check_pointer(out_threads, "out_threads");
        *out_threads = threads_allowed().count;
    });
}

std::int32_t saccade_limit_threads(std::int64_t threads) {
    return guarded([&] { limit_threads(threads); });
}

const char* saccade_last_kernel(void) { return last_kernel(); }

const char* saccade_last_message(void) { return last_message().c_str(); }

std::int32_t saccade_smart_resize(std::int64_t height, std::int64_t width, std::int64_t factor, std::int64_t min_pixels,
                                  std::int64_t max_pixels, std::int64_t* out_height, std::int64_t* out_width) {
    return guarded([&] {
        check_pointer(out_height, "out_height");
        check_pointer(out_width, "out_width");
        const Size size = smart_resize(height, width, factor, min_pixels, max_pixels);
        *out_height = size.height;
        *out_width = size.width;
    });
}

std::int32_t saccade_get_family(const char* name, saccade_family* out_family, std::int64_t family_bytes) {
    return guarded([&] {
        check_pointer(name, "name");
        check_pointer(out_family, "out_family");
        copy_known(family_named(name), out_family, family_bytes, 96, "family_bytes");
    });
}

std::int32_t saccade_plan_image(std::int64_t source_width, std::int64_t source_height, const char* family,
                                std::int64_t min_tokens, std::int64_t max_tokens, saccade_plan* out_plan,
                                std::int64_t plan_bytes) {
    return guarded([&] {
        check_pointer(family, "family");
        check_pointer(out_plan, "out_plan");
        copy_known(plan_image(source_width, source_height, family_named(family), min_tokens, max_tokens), out_plan,
                   plan_bytes, 88, "plan_bytes");
    });
}

std::int32_t saccade_to_source(double scale_x, double scale_y, double* points, std::int64_t count) {
    return guarded([&] {
        if (count < 0) reject("count: expected at least 0; got ", count);
        check_array(points, count, "points");
        for (const auto& [scale, name] : {std::pair{scale_x, "scale_x"}, {scale_y, "scale_y"}}) {
            if (!std::isfinite(scale) || scale <= 0.0) reject(name, ": expected finite and above 0; got ", scale);
        }
        for (std::int64_t i = 0; i < count; ++i) points[2 * i] *= scale_x, points[2 * i + 1] *= scale_y;
    });
}

std::int32_t saccade_resize(const std::uint8_t* source, std::int64_t source_width, std::int64_t source_height,
                            std::int64_t source_stride, std::int32_t format, std::int64_t target_width,
                            std::int64_t target_height, std::int32_t backend, std::uint8_t* target,
                            std::int64_t target_capacity) {
    return guarded([&] {
        check_pointer(target, "target");
        resize(to_image(source, source_width, source_height, source_stride, format), {target_width, target_height},
               static_cast<Backend>(backend), target, target_capacity);
    });
}

std::int32_t saccade_patchify_size(std::int64_t width, std::int64_t height, std::int64_t patch_size,
                                   std::int64_t merge_size, std::int64_t frames, std::int64_t* out_patches,
                                   std::int64_t* out_values) {
    return guarded([&] {
        check_pointer(out_patches, "out_patches");
        check_pointer(out_values, "out_values");
        const PatchesShape shape = patches_shape(width, height, {patch_size, merge_size}, frames, {});
        *out_patches = shape.patches;
        *out_values = shape.values;
    });
}

std::int32_t saccade_patchify_native(const std::uint8_t* pixels, std::int64_t width, std::int64_t height,
                                     std::int64_t stride, std::int32_t format, std::int64_t patch_size,
                                     std::int64_t merge_size, std::int64_t window_size, std::uint8_t* patches,
                                     std::int64_t patches_capacity) {
    const std::int32_t status = check_own_size(width, height, {patch_size, merge_size}, 1);
    if (status != SACCADE_OK) return status;
    // An image that keeps its size takes no pass, so any backend will do.
    return saccade_resize_patchify_native(pixels, width, height, stride, format, width, height,
                                          SACCADE_BACKEND_PILLOW13, patch_size, merge_size, window_size, patches,
                                          patches_capacity);
}

std::int32_t saccade_resize_patchify_native(const std::uint8_t* source, std::int64_t source_width,
                                            std::int64_t source_height, std::int64_t source_stride, std::int32_t format,
                                            std::int64_t target_width, std::int64_t target_height, std::int32_t backend,
                                            std::int64_t patch_size, std::int64_t merge_size, std::int64_t window_size,
                                            std::uint8_t* patches, std::int64_t patches_capacity) {
    const saccade_batch_image image{source,  source_width, source_height, source_stride, format,
                                    backend, target_width, target_height, patches,       patches_capacity};
    return saccade_resize_patchify_native_batch(&image, 1, patch_size, merge_size, window_size);
}

std::int32_t saccade_resize_patchify_native_batch(const saccade_batch_image* images, std::int64_t count,
                                                  std::int64_t patch_size, std::int64_t merge_size,
                                                  std::int64_t window_size) {
    return guarded(
        [&] { patchify_native(to_requests<std::uint8_t>(images, count), {patch_size, merge_size}, window_size); });
}

std::int32_t saccade_patchify_reference(const std::uint8_t* pixels, std::int64_t width, std::int64_t height,
                                        std::int64_t stride, std::int32_t format, std::int32_t backend,
                                        std::int64_t patch_size, std::int64_t merge_size,
                                        std::int64_t temporal_patch_size, const double* mean, const double* std,
                                        float* patches, std::int64_t patches_capacity) {
    const std::int32_t status = check_own_size(width, height, {patch_size, merge_size}, temporal_patch_size);
    if (status != SACCADE_OK) return status;
    return saccade_resize_patchify_reference(pixels, width, height, stride, format, width, height, backend, patch_size,
                                             merge_size, temporal_patch_size, mean, std, patches, patches_capacity);
}

std::int32_t saccade_resize_patchify_reference(const std::uint8_t* source, std::int64_t source_width,
                                               std::int64_t source_height, std::int64_t source_stride,
                                               std::int32_t format, std::int64_t target_width,
                                               std::int64_t target_height, std::int32_t backend,
                                               std::int64_t patch_size, std::int64_t merge_size,
                                               std::int64_t temporal_patch_size, const double* mean, const double* std,
                                               float* patches, std::int64_t patches_capacity) {
    const saccade_batch_image image{source,  source_width, source_height, source_stride, format,
                                    backend, target_width, target_height, patches,       patches_capacity};
    return saccade_resize_patchify_reference_batch(&image, 1, patch_size, merge_size, temporal_patch_size, mean, std);
}

std::int32_t saccade_resize_patchify_reference_batch(const saccade_batch_image* images, std::int64_t count,
                                                     std::int64_t patch_size, std::int64_t merge_size,
                                                     std::int64_t temporal_patch_size, const double* mean,
                                                     const double* std) {
    return guarded([&] {
        patchify_reference(to_requests<float>(images, count), {patch_size, merge_size}, temporal_patch_size,
                           to_normalization(mean, std));
    });
}

std::int32_t saccade_window_index_size(const std::int64_t* grids, std::int64_t grid_count, std::int64_t merge_size,
                                       std::int64_t window_size, std::int64_t patch_size, std::int64_t* out_tokens,
                                       std::int64_t* out_boundaries) {
    return guarded([&] {
        check_pointer(out_tokens, "out_tokens");
        check_pointer(out_boundaries, "out_boundaries");
        const std::int64_t side = window_side(window_size, merge_size, patch_size);
        const auto sizes = window_sizes(read_grids(grids, grid_count, merge_size), merge_size, side);
        *out_tokens = sizes.tokens;
        *out_boundaries = sizes.boundaries;
    });
}

std::int32_t saccade_window_index(const std::int64_t* grids, std::int64_t grid_count, std::int64_t merge_size,
                                  std::int64_t window_size, std::int64_t patch_size, std::int32_t* index,
                                  std::int64_t index_capacity, std::int32_t* boundaries,
                                  std::int64_t boundaries_capacity) {
    return guarded([&] {
        check_pointer(index, "index");
        check_pointer(boundaries, "boundaries");
        const std::int64_t side = window_side(window_size, merge_size, patch_size);
        const Grids checked = read_grids(grids, grid_count, merge_size);
        const auto sizes = window_sizes(checked, merge_size, side);
        check_capacity(index_capacity, sizes.tokens, "index");
        check_capacity(boundaries_capacity, sizes.boundaries, "boundaries");
        window_index(checked, merge_size, side, index, boundaries);
    });
}

std::int32_t saccade_patch_count(const std::int64_t* grids, std::int64_t grid_count, std::int64_t merge_size,
                                 std::int64_t* out_patches) {
    return guarded([&] {
        check_pointer(out_patches, "out_patches");
        *out_patches = read_grids(grids, grid_count, merge_size).patches();
    });
}

std::int32_t saccade_vision_positions(const std::int64_t* grids, std::int64_t grid_count, std::int64_t merge_size,
                                      std::int32_t* positions, std::int64_t positions_capacity) {
    return guarded([&] {
        check_pointer(positions, "positions");
        const Grids checked = read_grids(grids, grid_count, merge_size);
        check_capacity(positions_capacity, 2 * checked.patches(), "positions");
        vision_positions(checked, merge_size, positions);
    });
}

std::int32_t saccade_mrope_positions(const saccade_mrope_prompt* prompt, std::int32_t* positions,
                                     std::int64_t positions_capacity, std::int64_t* out_delta) {
    return guarded([&] {
        check_pointer(prompt, "prompt");
        check_pointer(positions, "positions");
        check_pointer(out_delta, "out_delta");
        check_array(prompt->input_ids, prompt->length, "input_ids");
        check_array(prompt->image_grids, prompt->image_count, "image_grids");
        check_array(prompt->video_grids, prompt->video_count, "video_grids");
        check_array(prompt->seconds_per_grid, prompt->seconds_count, "seconds_per_grid");
        *out_delta = mrope_positions(*prompt, positions, positions_capacity);
    });
}
