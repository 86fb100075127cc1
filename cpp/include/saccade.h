/*
 * The C interface of saccade's core: exact image geometry and preprocessing for Qwen-VL models.
 *
 * Every function that can fail returns SACCADE_OK or another SACCADE_... status, and saccade_last_message() says, in
 * one line, what is wrong with which input, and what would be right. After SACCADE_ERROR_INPUT its outputs are
 * untouched. Nothing throws, prints or aborts, and all functions may be called from any thread, from several at once,
 * and after a fork.
 *
 * Sizes are int64_t; one whose product with another does not fit into 63 bits is an error. No input may overlap an
 * output, no pointer may be NULL unless said, and nothing is kept after a call: all memory stays the caller's. A
 * capacity is the number of elements (not bytes) that fit into an output; a smaller one than needed is an error.
 *
 * Image sides, patch_size, merge_size and window_size run from 1 to SACCADE_MAX_SIDE. An image is read where it lies,
 * never copied whole: pixel (x, y) at pixels + y * stride + x * (bytes of its format), stride in bytes and at least a
 * row's. Rows may lie apart (a crop, a buffer with padding); what is between them makes no difference. Grids are
 * triples (t, h, w) in patches: frames, rows, columns, each at least 1; h and w are multiples of merge_size, and those
 * of an array have at most 2^31 - 1 patches together.
 *
 * To link: cc program.c $(pkg-config --cflags --libs saccade); in CMake find_package(saccade), saccade::saccade.
 *
 *     int64_t height, width, patches, values;
 *     if (saccade_smart_resize(2160, 3840, 28, 3136, 1003520, &height, &width) != SACCADE_OK) ..;    728 x 1316
 *     if (saccade_patchify_size(width, height, 14, 2, 1, &patches, &values) != SACCADE_OK) ..;       4888 x 588
 *     uint8_t* out = malloc(patches * values);
 *     if (saccade_native_patches(pixels, 3840, 2160, 4 * 3840, SACCADE_FORMAT_BGRA, width, height,
 *                                SACCADE_PASS_ORDER_PILLOW13, 14, 2, 112, out, patches * values) != SACCADE_OK)
 *         puts(saccade_last_message());
 */
#ifndef SACCADE_H
#define SACCADE_H

#include <stdint.h>

#define SACCADE_VERSION "0.1.0"

/* Raised whenever a function below changes in a way that a caller compiled against an older header would notice. */
#define SACCADE_ABI_VERSION 2

#define SACCADE_MAX_SIDE 67108864 /* 2^26: products of two sides stay exact in a double */

#define SACCADE_OK 0
#define SACCADE_ERROR_INPUT 1    /* an argument cannot be used */
#define SACCADE_ERROR_MEMORY 2   /* working memory could not be had */
#define SACCADE_ERROR_INTERNAL 3 /* a fault of the library */

/* Which pass of a resize comes first. The passes round to 8 bits between them, so the order shows in the result. */
#define SACCADE_PASS_ORDER_HORIZONTAL 0 /* horizontal, always: Pillow up to 12.1 */
#define SACCADE_PASS_ORDER_PILLOW13 1   /* vertical where H < h and h - H > 2 (w - W), else horizontal: Pillow 13.0 */

/*
 * How the channels of a pixel lie, a byte each. Whatever the format, what comes out is RGB: grey counts as three equal
 * channels, and a fourth byte is ignored: it is not blended with anything, and colors premultiplied with an alpha stay
 * so.
 */
#define SACCADE_FORMAT_RGB 0
#define SACCADE_FORMAT_RGBA 1
#define SACCADE_FORMAT_BGRA 2 /* as macOS and Windows capture screens */
#define SACCADE_FORMAT_GREY 3

#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* SACCADE_ABI_VERSION of the library that runs; compare with the header's before calling anything else. */
int32_t saccade_abi_version(void);

/* SACCADE_VERSION of the library that runs. Static. */
const char* saccade_version(void);

/*
 * Kernels are the same integer arithmetic for different instruction sets: they differ in speed, never in a bit. A
 * process uses the best its CPU has, or the one that the environment's SACCADE_KERNEL names: "scalar"; "avx2",
 * "avx512-bw" (AVX-512 without VNNI and VBMI) or "avx512"; "neon", "neon-dotprod" or "neon-i8mm".
 *
 * saccade_kernel: name of the one that the calling thread uses. NULL where SACCADE_KERNEL names one that this build or
 * CPU does not have; saccade_last_message() then says so, and resizes, patches, saccade_window_index and
 * saccade_vision_positions fail with SACCADE_ERROR_INPUT.
 * saccade_kernels: names of those that can be had, best first, separated by spaces.
 * saccade_select_kernel: makes the calling thread use one from now on; NULL: the process's again.
 * saccade_last_kernel: the one that made the pixels of this thread's last resize or patches; NULL before the first.
 * All names are static.
 */
const char* saccade_kernel(void);
const char* saccade_kernels(void);
int32_t saccade_select_kernel(const char* name);
const char* saccade_last_kernel(void);

/*
 * Large images are resampled by several threads: those of a pool that sleeps between calls and is made at the first
 * one that is worth it, again in the child of a fork. Results do not depend on their number. It is the environment's
 * SACCADE_THREADS (1 to 256), else the CPUs that the caller may use: its affinity at the time, or a cgroup's quota
 * where that is less. The pool's threads run where the caller may.
 *
 * saccade_threads: how many a call of this thread may use. SACCADE_ERROR_INPUT where SACCADE_THREADS is no such number;
 * resizes and patches of any size then fail too.
 * saccade_limit_threads: for the calls of this thread; 1: none but itself, 0: the process's number again.
 */
int32_t saccade_threads(int64_t* out_threads);
int32_t saccade_limit_threads(int64_t threads);

/* Why the last failing call of this thread failed: UTF-8, one line. Owned by the library, valid until this thread's
 * next failing call; empty before the first. */
const char* saccade_last_message(void);

/*
 * The size to which Qwen's preprocessing resizes an image: sides that are multiples of `factor` with an area between
 * `min_pixels` and `max_pixels` and about the same aspect ratio. Equals transformers' smart_resize for every input;
 * like it, it may exceed max_pixels by rounding one side up to `factor`, and yields a side of 0 where a side rounds to
 * 0 and min_pixels does not lift it.
 *
 * height, width, factor: 1 to SACCADE_MAX_SIDE. min_pixels: up to 2^53. max_pixels: at least 1.
 * SACCADE_ERROR_INPUT also where one side is more than 200 times the other.
 */
int32_t saccade_smart_resize(int64_t height, int64_t width, int64_t factor, int64_t min_pixels, int64_t max_pixels,
                             int64_t* out_height, int64_t* out_width);

/*
 * Resamples an image as Pillow's Image.resize(size, BICUBIC) does with its RGB form, bit for bit, enlarging or
 * reducing.
 *
 * source: source_height rows, source_stride bytes apart. format: a SACCADE_FORMAT_... . target: RGB, target_height rows
 * of 3 * target_width bytes, packed. pass_order: a SACCADE_PASS_ORDER_... . Working memory, never a whole image: in
 * each thread the rows in flight, about 4 * source_height / target_height + 16 of the image between the passes, up to 4
 * bytes a sample; and the weights, for each axis that changes 20 to 200 bytes (by kernel and scale) a pixel of its
 * longer length.
 */
int32_t saccade_resize(const uint8_t* source, int64_t source_width, int64_t source_height, int64_t source_stride,
                       int32_t format, int64_t target_width, int64_t target_height, int32_t pass_order, uint8_t* target,
                       int64_t target_capacity);

/*
 * Shape of the patches of an image: their number, height / patch_size * width / patch_size, and the number of values in
 * each, 3 * frames * patch_size * patch_size. frames: 1 for the native layout, temporal_patch_size for the reference's;
 * 1 to SACCADE_MAX_SIDE. width and height: multiples of patch_size * merge_size.
 */
int32_t saccade_patchify_size(int64_t width, int64_t height, int64_t patch_size, int64_t merge_size, int64_t frames,
                              int64_t* out_patches, int64_t* out_values);

/*
 * Cuts an image into uint8 patches, one frame, in window order.
 *
 * width and height: multiples of patch_size * merge_size. format: a SACCADE_FORMAT_... . window_size: side of a window
 * in pixels, at least patch_size * merge_size; 0 for a model without windows, whose patches come in merge-block order.
 * patches: uint8 [patches, values] as saccade_patchify_size says, each patch (channel, y, x).
 */
int32_t saccade_patchify_native(const uint8_t* pixels, int64_t width, int64_t height, int64_t stride, int32_t format,
                                int64_t patch_size, int64_t merge_size, int64_t window_size, uint8_t* patches,
                                int64_t patches_capacity);

/*
 * saccade_resize and saccade_patchify_native in one, strip by strip, without the resized image in between: from pixels
 * to a vision tower's input. Arguments as there; target_width and target_height are multiples of patch_size *
 * merge_size.
 */
int32_t saccade_native_patches(const uint8_t* source, int64_t source_width, int64_t source_height,
                               int64_t source_stride, int32_t format, int64_t target_width, int64_t target_height,
                               int32_t pass_order, int64_t patch_size, int64_t merge_size, int64_t window_size,
                               uint8_t* patches, int64_t patches_capacity);

/*
 * Cuts an image into normalized float32 patches as transformers' Pillow image processor does, bit for bit: a value is
 * (float(v / 255) - float(mean)) / float(std), the division by 255 in double, the rest in float.
 *
 * width and height: multiples of patch_size * merge_size. format: a SACCADE_FORMAT_... . mean, std: three values each,
 * finite, std not 0. patches: float [patches, values] as saccade_patchify_size says, in merge-block order, each patch
 * (channel, frame, y, x), the still repeated for every frame.
 */
int32_t saccade_patchify_reference(const uint8_t* pixels, int64_t width, int64_t height, int64_t stride, int32_t format,
                                   int64_t patch_size, int64_t merge_size, int64_t temporal_patch_size,
                                   const double* mean, const double* std, float* patches, int64_t patches_capacity);

/* saccade_resize and saccade_patchify_reference in one, as saccade_native_patches is of resize and patchify_native. */
int32_t saccade_reference_patches(const uint8_t* source, int64_t source_width, int64_t source_height,
                                  int64_t source_stride, int32_t format, int64_t target_width, int64_t target_height,
                                  int32_t pass_order, int64_t patch_size, int64_t merge_size,
                                  int64_t temporal_patch_size, const double* mean, const double* std, float* patches,
                                  int64_t patches_capacity);

/* One image of a batch: its pixels, what it is resized to, and where its patches go. Fields as the arguments above. */
typedef struct saccade_batch_image {
    const uint8_t* source;
    int64_t source_width;
    int64_t source_height;
    int64_t source_stride;
    int32_t format;
    int32_t pass_order;
    int64_t target_width;
    int64_t target_height;
    void* patches;            /* uint8_t for native patches, float for the reference's */
    int64_t patches_capacity; /* in elements, as everywhere */
} saccade_batch_image;

/*
 * saccade_native_patches (saccade_reference_patches) of several images at once, the same bytes as one after the other:
 * the threads share the strips of all, so that small and large ones keep them busy together. Working memory is that of
 * one call, and some 0.2 MB for each of up to 32 images.
 *
 * images: [count], count at least 1; outputs must not overlap. An error names the first image that is wrong, as in
 * "images[2]: patches has room for 10 elements; 2352 are needed"; then no image's patches are touched.
 */
int32_t saccade_native_patches_batch(const saccade_batch_image* images, int64_t count, int64_t patch_size,
                                     int64_t merge_size, int64_t window_size);
int32_t saccade_reference_patches_batch(const saccade_batch_image* images, int64_t count, int64_t patch_size,
                                        int64_t merge_size, int64_t temporal_patch_size, const double* mean,
                                        const double* std);

/*
 * Number of elements that saccade_window_index writes: tokens into `index`, boundaries into `boundaries`. Arguments as
 * there.
 */
int32_t saccade_window_index_size(const int64_t* grids, int64_t grid_count, int64_t merge_size, int64_t window_size,
                                  int64_t patch_size, int64_t* out_tokens, int64_t* out_boundaries);

/*
 * The order in which a vision tower with windowed attention takes its tokens (merge blocks).
 *
 * grids: int64 [grid_count, 3]; grid_count at least 1. window_size, patch_size in pixels, window_size at least
 * merge_size * patch_size; a window is window_size / merge_size / patch_size tokens wide, rounded down, and smaller at
 * the right and bottom edge.
 * index: int32 [tokens]; index[i] is the raster place (frame, row, column; grids one after the other) of token i.
 * boundaries: int32, where each window begins, in PATCHES, from 0 to the number of all patches, without repeats.
 */
int32_t saccade_window_index(const int64_t* grids, int64_t grid_count, int64_t merge_size, int64_t window_size,
                             int64_t patch_size, int32_t* index, int64_t index_capacity, int32_t* boundaries,
                             int64_t boundaries_capacity);

/* Number of patches in all grids, the sum of t * h * w. Arguments as in saccade_vision_positions. */
int32_t saccade_patch_count(const int64_t* grids, int64_t grid_count, int64_t merge_size, int64_t* out_patches);

/*
 * Row and column of every patch for the vision tower's rotary embedding.
 *
 * positions: int32 [patches, 2], (row, column), grids and frames one after the other, each in merge-block
 * order. positions_capacity counts int32s, two a patch.
 */
int32_t saccade_vision_positions(const int64_t* grids, int64_t grid_count, int64_t merge_size, int32_t* positions,
                                 int64_t positions_capacity);

/* What stands for images and videos in a prompt; the arguments of saccade_mrope_positions. */
typedef struct saccade_mrope_prompt {
    const int64_t* input_ids;   /* [length] */
    int64_t length;             /* 1 to 2^31 - 1 */
    const int64_t* image_grids; /* [image_count, 3]; may be NULL where image_count is 0 */
    int64_t image_count;
    const int64_t* video_grids; /* [video_count, 3]; may be NULL where video_count is 0 */
    int64_t video_count;
    const double* seconds_per_grid; /* [seconds_count], 0 to 2^31 - 1; may be NULL where seconds_count is 0 */
    int64_t seconds_count;          /* video_count, or 0: frames are one position apart */
    int64_t image_token_id;         /* the three ids differ */
    int64_t video_token_id;
    int64_t vision_start_token_id; /* stands before an image or video; compared with the two, otherwise unused */
    int64_t merge_size;
    int64_t tokens_per_second; /* positions in a second of video: 1 to SACCADE_MAX_SIDE, used or not */
} saccade_mrope_prompt;

/*
 * Three-dimensional positions (M-RoPE) of a prompt without padding, as transformers' get_rope_index of Qwen2-VL and
 * Qwen2.5-VL gives them when it is told which tokens are images and videos.
 *
 * Every unbroken run of image (video) tokens belongs to the next image (video) grid and has t * h * w / merge_size^2
 * tokens. In a run that starts at position p, token (frame, row, column) has the positions (p + time, p + row,
 * p + column); time is the frame, in videos with seconds trunc(frame * (tokens_per_second * seconds)) in float32. What
 * follows starts at p + max(h, w) / merge_size.
 *
 * positions: int32 [3, length]: temporal, height, width. out_delta: largest position + 1 - length, to be added to a
 * later token's index. positions_capacity counts int32s.
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
