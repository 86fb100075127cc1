/*
 * The C interface of saccade's core: exact image geometry and preprocessing for Qwen-VL models.
 *
 * Errors. A function that can fail returns SACCADE_OK or a SACCADE_ERROR_... status. saccade_last_message() then
 * returns one line: the argument, what was expected and what it got. After SACCADE_ERROR_INPUT all outputs are
 * untouched. Nothing throws, prints or aborts.
 *
 * Threads. Every function may be called from any thread, from several at once, and after a fork.
 *
 * Memory. The caller owns all memory, and the library keeps no pointer after a call. Inputs must not overlap outputs.
 * No pointer may be NULL unless its comment allows it. A capacity is the number of elements (not bytes) that an output
 * can hold; a capacity below the documented size is an error.
 *
 * Sizes are int64_t. Image sides, patch_size, merge_size and window_size are 1 to SACCADE_MAX_SIDE, in pixels or
 * patches. A product of sizes that does not fit into 63 bits is an error.
 *
 * Images are read in place, without a copy. Pixel (x, y) is at pixels + y * stride + x * (bytes per pixel of its
 * format). stride is in bytes, at least width * (bytes per pixel). Bytes between rows are ignored, so crops and padded
 * buffers work.
 *
 * Grids are triples (t, h, w) in patches: frames, rows, columns, each at least 1. h and w are multiples of merge_size.
 * All grids of one array have at most 2^31 - 1 patches together.
 *
 * To link: cc program.c $(pkg-config --cflags --libs saccade); in CMake find_package(saccade), saccade::saccade.
 *
 * docs/reference.md has a whole program.
 */
#ifndef SACCADE_H
#define SACCADE_H

#include <stdint.h>

#define SACCADE_VERSION "0.1.0"

/* Incremented by each change that breaks a caller compiled against an older header. */
#define SACCADE_ABI_VERSION 4

#define SACCADE_MAX_SIDE 67108864 /* 2^26: products of two sides stay exact in a double */

#define SACCADE_OK 0
#define SACCADE_ERROR_INPUT 1    /* an argument is invalid */
#define SACCADE_ERROR_MEMORY 2   /* out of memory for working buffers */
#define SACCADE_ERROR_INTERNAL 3 /* a bug in the library */

/*
 * The backend of transformers' image processor whose bits are computed. It decides two things:
 *   - the resize from w x h to W x H: how weights are rounded, and which of the two passes is first. Values are rounded
 *     to 8 bits between the passes, so the order changes the result.
 *   - the normalization of reference patches.
 * torchvision's bits are those of its antialiased BICUBIC on uint8 on a CPU, of torchvision 0.16 and torch 2.1 or
 * later.
 */
#define SACCADE_BACKEND_PILLOW12 0    /* horizontal first: Pillow up to 12.1 */
#define SACCADE_BACKEND_PILLOW13 1    /* vertical first if H < h and h - H > 2 (w - W): Pillow 13.0 */
#define SACCADE_BACKEND_TORCHVISION 2 /* 16-bit weights, horizontal first, fused normalization */

/*
 * The order of a pixel's channels, one byte each. Outputs are always RGB. Grey is read as three equal channels. A
 * fourth byte is ignored: nothing is blended, and premultiplied colors stay premultiplied.
 */
#define SACCADE_FORMAT_RGB 0
#define SACCADE_FORMAT_RGBA 1
#define SACCADE_FORMAT_BGRA 2 /* screen captures of macOS and Windows */
#define SACCADE_FORMAT_GREY 3

#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* Returns SACCADE_ABI_VERSION of the loaded library. Compare it with the header's before any other call. */
int32_t saccade_abi_version(void);

/* Returns SACCADE_VERSION of the loaded library, a static string. */
const char* saccade_version(void);

/*
 * All kernels compute the same integer arithmetic, for different instruction sets. They differ in speed, never in a bit
 * of the result.
 * The default is the fastest one that the CPU supports, or the one that the environment variable SACCADE_KERNEL names:
 * "scalar"; "avx2", "avx512-bw" (AVX-512 without VNNI and VBMI), "avx512"; "neon", "neon-dotprod", "neon-i8mm".
 *
 * saccade_kernel: returns the name of the calling thread's kernel. Returns NULL and sets the message if SACCADE_KERNEL
 * names a kernel that this build or CPU lacks. Then resizes, patches, saccade_window_index and saccade_vision_positions
 * fail with SACCADE_ERROR_INPUT.
 * saccade_kernels: returns the names of the available kernels, fastest first, separated by spaces.
 * saccade_select_kernel: sets the calling thread's kernel. NULL restores the process's default.
 * saccade_last_kernel: returns the kernel of this thread's last resize or patches; NULL before the first.
 * All names are static strings.
 */
const char* saccade_kernel(void);
const char* saccade_kernels(void);
int32_t saccade_select_kernel(const char* name);
const char* saccade_last_kernel(void);

/*
 * Large images are resampled by several threads of a pool. The pool is created at the first call that needs it, and
 * again in the child of a fork; its threads sleep between calls and run where the caller may run. Results do not depend
 * on the number of threads. It is the environment variable SACCADE_THREADS (1 to 256), else the number of CPUs in the
 * caller's affinity, or fewer if a cgroup's quota is lower.
 *
 * saccade_threads: returns in out_threads the maximum number of threads of a call by this thread. Fails if
 * SACCADE_THREADS is not 1 to 256; then resizes and patches of any size fail too.
 * saccade_limit_threads: limits the calls of this thread. threads: 1 to 256, with 1 for the calling thread alone; 0
 * restores the process's number.
 */
int32_t saccade_threads(int64_t* out_threads);
int32_t saccade_limit_threads(int64_t threads);

/*
 * Returns the message of this thread's last failing call: one line of UTF-8, empty before the first. Owned by the
 * library and valid until this thread's next failing call.
 */
const char* saccade_last_message(void);

/*
 * Computes the size to which Qwen's preprocessing resizes an image: sides that are multiples of `factor`, an area from
 * min_pixels to max_pixels, about the same aspect ratio. Equals transformers' smart_resize for every input. Like the
 * reference, it may exceed max_pixels when a side is rounded up to `factor`, and accepts a min_pixels above max_pixels.
 * A side that rounds to 0 stays 0 unless min_pixels applies. saccade_plan_image keeps its limits.
 *
 * height, width, factor: pixels, 1 to SACCADE_MAX_SIDE. min_pixels: at most 2^53. max_pixels: at least 1.
 * Errors: SACCADE_ERROR_INPUT also if one side is more than 200 times the other.
 */
int32_t saccade_smart_resize(int64_t height, int64_t width, int64_t factor, int64_t min_pixels, int64_t max_pixels,
                             int64_t* out_height, int64_t* out_width);

/*
 * The constants of a model family, from preprocessor_config.json of its published checkpoints.
 *
 * This struct and saccade_plan may get members at their end. A caller passes the size that it was compiled with, sizeof
 * of the struct, and the library writes no more than that. Members that an older library lacks stay as they were.
 */
typedef struct saccade_family {
    int64_t patch_size;          /* pixels per side */
    int64_t merge_size;          /* patches per side of a token */
    int64_t temporal_patch_size; /* frames in a patch; a still image is repeated to fill it */
    int64_t window_size;         /* pixels per side of an attention window; 0 for a tower without windows */
    int64_t min_pixels;          /* limits on the area of a resized image */
    int64_t max_pixels;
    double mean[3]; /* of red, green and blue, for reference patches */
    double std[3];
} saccade_family;

/*
 * Copies the constants of a family. name: "qwen2-vl", "qwen2.5-vl" or "qwen3-vl". family_bytes: sizeof(saccade_family).
 */
int32_t saccade_get_family(const char* name, saccade_family* out_family, int64_t family_bytes);

/* The plan of an image. */
typedef struct saccade_plan {
    int64_t width; /* resized size in pixels */
    int64_t height;
    int64_t rows; /* grid in patches: (1, rows, columns) */
    int64_t columns;
    int64_t patches;
    int64_t tokens;     /* visual tokens in the prompt */
    int64_t windows;    /* attention windows; 0 for a family without windows */
    int64_t min_pixels; /* limits on width * height that applied */
    int64_t max_pixels;
    double scale_x; /* source pixels per model pixel */
    double scale_y;
} saccade_plan;

/*
 * Plans an image within a budget of visual tokens, as mlx_saccade.plan does in Python. The result is that of
 * saccade_smart_resize and has at most max_tokens tokens.
 *
 * source_width, source_height: pixels, 1 to SACCADE_MAX_SIDE. family: a name that saccade_get_family takes. max_tokens:
 * at least 1; 0 for 1,280, or the family's maximum if that is lower. min_tokens: 1 to max_tokens, smaller images are
 * enlarged; 0 for the family's minimum, which gives way to max_tokens. plan_bytes: sizeof(saccade_plan).
 * Errors: SACCADE_ERROR_INPUT also if one side is more than 200 times the other, or if max_tokens is too small for an
 * image of that shape, whose sides are whole tokens.
 */
int32_t saccade_plan_image(int64_t source_width, int64_t source_height, const char* family, int64_t min_tokens,
                           int64_t max_tokens, saccade_plan* out_plan, int64_t plan_bytes);

/*
 * Maps points from the resized image of a plan to the source image, in place, without clipping or rounding.
 *
 * scale_x, scale_y: of the plan, finite and above 0. points: double [count, 2], (x, y). count: at least 0; a box is two
 * points.
 */
int32_t saccade_to_source(double scale_x, double scale_y, double* points, int64_t count);

/*
 * Resizes an image, bit for bit as the backend does with the image converted to RGB: Pillow's Image.resize(size,
 * BICUBIC), or torchvision's resize(image, size, BICUBIC, antialias=True).
 *
 * source: source_height rows of source_width pixels, source_stride bytes apart. format: a SACCADE_FORMAT_... .
 * backend: a SACCADE_BACKEND_... . target: packed RGB, uint8 [target_height, target_width, 3].
 * Working memory, never a whole image. Each thread: about 4 * source_height / target_height + 16 rows between the
 * passes, at most 4 bytes per sample. The weights: for each axis that changes, 20 to 200 bytes (by kernel and scale)
 * per pixel of its longer length.
 */
int32_t saccade_resize(const uint8_t* source, int64_t source_width, int64_t source_height, int64_t source_stride,
                       int32_t format, int64_t target_width, int64_t target_height, int32_t backend, uint8_t* target,
                       int64_t target_capacity);

/*
 * Computes the shape of an image's patches. out_patches: height / patch_size * (width / patch_size). out_values, per
 * patch: 3 * frames * patch_size * patch_size.
 *
 * width, height: pixels, multiples of patch_size * merge_size. frames: 1 for the native layout, temporal_patch_size for
 * the reference layout; 1 to SACCADE_MAX_SIDE.
 */
int32_t saccade_patchify_size(int64_t width, int64_t height, int64_t patch_size, int64_t merge_size, int64_t frames,
                              int64_t* out_patches, int64_t* out_values);

/*
 * Splits an image into uint8 patches of one frame, in window order.
 *
 * width, height: pixels, multiples of patch_size * merge_size. format: a SACCADE_FORMAT_... . window_size: side of an
 * attention window in pixels, at least patch_size * merge_size; 0 for a model without windows, in merge-block order.
 * patches: uint8 [patches, values] with the sizes of saccade_patchify_size; each patch is (channel, y, x).
 */
int32_t saccade_patchify_native(const uint8_t* pixels, int64_t width, int64_t height, int64_t stride, int32_t format,
                                int64_t patch_size, int64_t merge_size, int64_t window_size, uint8_t* patches,
                                int64_t patches_capacity);

/*
 * Resizes an image and splits it into native patches: saccade_resize, then saccade_patchify_native, without a resized
 * image in memory. Arguments as there. target_width, target_height: multiples of patch_size * merge_size.
 */
int32_t saccade_resize_patchify_native(const uint8_t* source, int64_t source_width, int64_t source_height,
                                       int64_t source_stride, int32_t format, int64_t target_width,
                                       int64_t target_height, int32_t backend, int64_t patch_size, int64_t merge_size,
                                       int64_t window_size, uint8_t* patches, int64_t patches_capacity);

/*
 * Splits an image into normalized float32 patches, bit for bit as transformers' image processor of the backend does.
 * Pillow: a value is (float(v / 255) - float(mean)) / float(std), with the division by 255 in double and the rest in
 * float. torchvision: (float(v) - float(mean) * 255) / (float(std) * 255), all in float.
 *
 * width, height: pixels, multiples of patch_size * merge_size. format: a SACCADE_FORMAT_... . backend: a
 * SACCADE_BACKEND_... . mean, std: three values each, finite in float (torchvision: also times 255), std not 0.
 * patches: float [patches, values] with the sizes of saccade_patchify_size, in merge-block order; each patch is
 * (channel, frame, y, x), with the same image in each of temporal_patch_size frames.
 */
int32_t saccade_patchify_reference(const uint8_t* pixels, int64_t width, int64_t height, int64_t stride, int32_t format,
                                   int32_t backend, int64_t patch_size, int64_t merge_size, int64_t temporal_patch_size,
                                   const double* mean, const double* std, float* patches, int64_t patches_capacity);

/*
 * Resizes an image and splits it into reference patches: saccade_resize, then saccade_patchify_reference, without a
 * resized image in memory. Arguments as there. target_width, target_height: multiples of patch_size * merge_size.
 */
int32_t saccade_resize_patchify_reference(const uint8_t* source, int64_t source_width, int64_t source_height,
                                          int64_t source_stride, int32_t format, int64_t target_width,
                                          int64_t target_height, int32_t backend, int64_t patch_size,
                                          int64_t merge_size, int64_t temporal_patch_size, const double* mean,
                                          const double* std, float* patches, int64_t patches_capacity);

/* One image of a batch. Each field is the argument of the same name above. */
typedef struct saccade_batch_image {
    const uint8_t* source;
    int64_t source_width;
    int64_t source_height;
    int64_t source_stride;
    int32_t format;
    int32_t backend;
    int64_t target_width;
    int64_t target_height;
    void* patches;            /* uint8_t* for native patches, float* for reference patches */
    int64_t patches_capacity; /* in elements */
} saccade_batch_image;

/*
 * Runs saccade_resize_patchify_native (..._reference) on several images, with the same bytes as one call per image. All
 * threads share the rows of all images. Working memory is that of one call, plus about 0.2 MB for each of up to 32
 * images.
 *
 * images: [count], count at least 1. Outputs must not overlap. An error names the first invalid image, as in
 * "images[2]: patches: expected room for 2352 elements; got 10". Then no image's patches are written.
 */
int32_t saccade_resize_patchify_native_batch(const saccade_batch_image* images, int64_t count, int64_t patch_size,
                                             int64_t merge_size, int64_t window_size);
int32_t saccade_resize_patchify_reference_batch(const saccade_batch_image* images, int64_t count, int64_t patch_size,
                                                int64_t merge_size, int64_t temporal_patch_size, const double* mean,
                                                const double* std);

/*
 * Computes the number of elements that saccade_window_index writes: out_tokens into `index`, out_boundaries into
 * `boundaries`. Arguments as there.
 */
int32_t saccade_window_index_size(const int64_t* grids, int64_t grid_count, int64_t merge_size, int64_t window_size,
                                  int64_t patch_size, int64_t* out_tokens, int64_t* out_boundaries);

/*
 * Computes the order in which a vision tower with windowed attention reads its tokens (merge blocks).
 *
 * grids: int64 [grid_count, 3]; grid_count at least 1. window_size, patch_size: pixels; window_size is at least
 * merge_size * patch_size. A window has window_size / merge_size / patch_size tokens per side, rounded down, and fewer
 * at the right and bottom edges.
 * index: int32 [tokens]; index[i] is the raster index (frame, row, column; grids concatenated) of token i.
 * boundaries: int32; the start of each window in PATCHES, from 0 to the number of all patches, without repeats.
 */
int32_t saccade_window_index(const int64_t* grids, int64_t grid_count, int64_t merge_size, int64_t window_size,
                             int64_t patch_size, int32_t* index, int64_t index_capacity, int32_t* boundaries,
                             int64_t boundaries_capacity);

/* Computes the number of patches in all grids, the sum of t * h * w. Arguments as in saccade_vision_positions. */
int32_t saccade_patch_count(const int64_t* grids, int64_t grid_count, int64_t merge_size, int64_t* out_patches);

/*
 * Computes the row and column of every patch, for the vision tower's rotary embedding.
 *
 * positions: int32 [patches, 2], (row, column), with grids and frames concatenated, each in merge-block order.
 * positions_capacity counts int32s, two per patch.
 */
int32_t saccade_vision_positions(const int64_t* grids, int64_t grid_count, int64_t merge_size, int32_t* positions,
                                 int64_t positions_capacity);

/* A prompt with its images and videos: the arguments of saccade_mrope_positions. */
typedef struct saccade_mrope_prompt {
    const int64_t* input_ids;   /* [length] */
    int64_t length;             /* 1 to 2^31 - 1 */
    const int64_t* image_grids; /* [image_count, 3]; may be NULL if image_count is 0 */
    int64_t image_count;
    const int64_t* video_grids; /* [video_count, 3]; may be NULL if video_count is 0 */
    int64_t video_count;
    const double* seconds_per_grid; /* [seconds_count], each 0 to 2^31 - 1; may be NULL if seconds_count is 0 */
    int64_t seconds_count;          /* video_count, or 0 for frames one position apart */
    int64_t image_token_id;         /* the three ids must differ */
    int64_t video_token_id;
    int64_t vision_start_token_id; /* checked against the other two, otherwise unused */
    int64_t merge_size;
    int64_t tokens_per_second; /* positions per second of video: 1 to SACCADE_MAX_SIDE, also if unused */
} saccade_mrope_prompt;

/*
 * Computes the three-dimensional positions (M-RoPE) of a prompt without padding, as transformers' get_rope_index of
 * Qwen2-VL and Qwen2.5-VL does when it is given mm_token_type_ids.
 *
 * Each unbroken run of image (video) tokens belongs to the next image (video) grid and has t * h * w / merge_size^2
 * tokens. In a run that starts at position p, token (frame, row, column) has the positions (p + time, p + row,
 * p + column). time is the frame, or in videos with seconds trunc(frame * (tokens_per_second * seconds)) in float32.
 * The next token is at p + max(h, w) / merge_size.
 *
 * positions: int32 [3, length]: temporal, height, width. positions_capacity counts int32s. out_delta: largest position
 * + 1 - length; add it to the index of a later token to get its position.
 */
int32_t saccade_mrope_positions(const saccade_mrope_prompt* prompt, int32_t* positions, int64_t positions_capacity,
                                int64_t* out_delta);

#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#endif
