/* A C program that includes only the header. Every pointer argument is also passed as NULL. */
#include "saccade.h"

#include <stdio.h>
#include <string.h>

static int failures = 0;

static void check(int holds, const char* what, int line) {
    if (!holds) {
        ++failures;
        fprintf(stderr, "test_abi.c:%d: %s (message: %s)\n", line, what, saccade_last_message());
    }
}

static int null_named(int32_t status, const char* name) {
    const char* message = saccade_last_message();
    return status == SACCADE_ERROR_INPUT && strncmp(message, name, strlen(name)) == 0 &&
           strcmp(message + strlen(name), ": expected a pointer; got NULL") == 0;
}

#define CHECK(condition) check((condition), #condition, __LINE__)

static void test_versions(void) {
    CHECK(strcmp(saccade_last_message(), "") == 0);
    CHECK(saccade_abi_version() == SACCADE_ABI_VERSION);
    CHECK(strcmp(saccade_version(), SACCADE_VERSION) == 0);
    CHECK(strstr(saccade_kernels(), saccade_kernel()) != NULL);
}

static void test_use(void) {
    int64_t height = 0, width = 0;
    uint8_t pixel[3] = {1, 2, 3}, larger[12];
    CHECK(saccade_smart_resize(2160, 3840, 28, 3136, 1003520, &height, &width) == SACCADE_OK);
    CHECK(height == 728 && width == 1316);
    CHECK(saccade_resize(pixel, 1, 1, 3, SACCADE_FORMAT_RGB, 2, 2, SACCADE_BACKEND_PILLOW13, larger, 12) == SACCADE_OK);
    CHECK(memcmp(larger, "\1\2\3\1\2\3\1\2\3\1\2\3", 12) == 0);
}

/* A 2 x 2 screen capture with 4 bytes of padding per row. */
static const uint8_t bgra[24] = {3, 2, 1, 99, 6, 5, 4, 99, 0, 0, 0, 0, 9, 8, 7, 99, 12, 11, 10, 99, 0, 0, 0, 0};
static const uint8_t grey[4] = {1, 4, 7, 10};

static void test_formats(void) {
    uint8_t rgb[12], patches[12];
    CHECK(saccade_resize(bgra, 2, 2, 12, SACCADE_FORMAT_BGRA, 2, 2, SACCADE_BACKEND_PILLOW13, rgb, 12) == SACCADE_OK);
    CHECK(memcmp(rgb, "\1\2\3\4\5\6\7\10\11\12\13\14", 12) == 0);
    CHECK(saccade_resize(bgra, 2, 2, 12, SACCADE_FORMAT_RGBA, 2, 2, SACCADE_BACKEND_PILLOW13, rgb, 12) == SACCADE_OK);
    CHECK(memcmp(rgb, "\3\2\1\6\5\4\11\10\7\14\13\12", 12) == 0);
    CHECK(saccade_patchify_native(grey, 2, 2, 2, SACCADE_FORMAT_GREY, 1, 2, 0, patches, 12) == SACCADE_OK);
    CHECK(memcmp(patches, "\1\1\1\4\4\4\7\7\7\12\12\12", 12) == 0);
    CHECK(saccade_resize(bgra, 2, 2, 12, 4, 2, 2, 0, rgb, 12) == SACCADE_ERROR_INPUT);
    CHECK(strcmp(saccade_last_message(), "format: expected 0 (RGB), 1 (RGBA), 2 (BGRA) or 3 (grey); got 4") == 0);
}

static void test_a_batch(void) {
    uint8_t patches[24], alone[12];
    saccade_batch_image images[2] = {
        {bgra, 2, 2, 12, SACCADE_FORMAT_BGRA, SACCADE_BACKEND_PILLOW13, 2, 2, patches, 12},
        {grey, 2, 2, 2, SACCADE_FORMAT_GREY, SACCADE_BACKEND_PILLOW13, 2, 2, patches + 12, 12},
    };
    const double zero[3] = {0, 0, 0}, one[3] = {1, 1, 1};
    float floats[24];
    int i;
    CHECK(saccade_resize_patchify_native_batch(images, 2, 1, 2, 0) == SACCADE_OK);
    for (i = 0; i < 2; ++i) {
        CHECK(saccade_resize_patchify_native(images[i].source, 2, 2, images[i].source_stride, images[i].format, 2, 2, 1,
                                             1, 2, 0, alone, 12) == SACCADE_OK);
        CHECK(memcmp(patches + 12 * i, alone, 12) == 0);
        images[i].patches = floats + 12 * i;
    }
    CHECK(saccade_resize_patchify_reference_batch(images, 2, 1, 2, 1, zero, one) == SACCADE_OK);
    for (i = 0; i < 24; ++i) CHECK(floats[i] * 255.0F > patches[i] - 0.5F && floats[i] * 255.0F < patches[i] + 0.5F);

    memset(floats, 0, sizeof floats);
    images[1].patches_capacity = 11;
    CHECK(saccade_resize_patchify_reference_batch(images, 2, 1, 2, 1, zero, one) == SACCADE_ERROR_INPUT);
    CHECK(strcmp(saccade_last_message(), "images[1]: patches: expected room for 12 elements; got 11") == 0);
    CHECK(floats[0] == 0.0F);
    images[1].patches = NULL;
    CHECK(null_named(saccade_resize_patchify_native_batch(images, 2, 1, 2, 0), "images[1]: patches"));
    CHECK(null_named(saccade_resize_patchify_native_batch(NULL, 1, 1, 2, 0), "images"));
    CHECK(null_named(saccade_resize_patchify_reference_batch(NULL, 1, 1, 2, 1, zero, one), "images"));
    CHECK(null_named(saccade_resize_patchify_reference_batch(images, 1, 1, 2, 1, NULL, one), "mean"));
    CHECK(null_named(saccade_resize_patchify_reference_batch(images, 1, 1, 2, 1, zero, NULL), "std"));
    CHECK(saccade_resize_patchify_native_batch(images, 0, 1, 2, 0) == SACCADE_ERROR_INPUT);
}

/* 2 x 3 tokens in windows of 2 x 2, and 1 x 2 tokens. */
static void test_windows_and_positions(void) {
    const int64_t grid[3] = {1, 4, 6}, flat[3] = {1, 2, 4};
    const int32_t order[6] = {0, 1, 3, 4, 2, 5}, ends[3] = {0, 16, 24};
    const int32_t places[16] = {0, 0, 0, 1, 1, 0, 1, 1, 0, 2, 0, 3, 1, 2, 1, 3};
    int64_t a = 0, b = 0;
    int32_t index[6], boundaries[3], positions[16];
    CHECK(saccade_patchify_size(1316, 728, 14, 2, 1, &a, &b) == SACCADE_OK);
    CHECK(a == 4888 && b == 588);
    CHECK(saccade_window_index_size(grid, 1, 2, 56, 14, &a, &b) == SACCADE_OK);
    CHECK(a == 6 && b == 3);
    CHECK(saccade_window_index(grid, 1, 2, 56, 14, index, 6, boundaries, 3) == SACCADE_OK);
    CHECK(memcmp(index, order, sizeof order) == 0);
    CHECK(memcmp(boundaries, ends, sizeof ends) == 0);
    CHECK(saccade_patch_count(grid, 1, 2, &a) == SACCADE_OK);
    CHECK(a == 24);
    CHECK(saccade_vision_positions(flat, 1, 2, positions, 16) == SACCADE_OK);
    CHECK(memcmp(positions, places, sizeof places) == 0);
}

/* Text, the start of an image, its two tokens at position 2, and text after them. */
static void test_a_prompt(void) {
    const int64_t ids[5] = {5, 3, 1, 1, 9}, grid[3] = {1, 2, 4};
    const int32_t expected[15] = {0, 1, 2, 2, 4, 0, 1, 2, 2, 4, 0, 1, 2, 3, 4};
    int32_t positions[15];
    int64_t delta = -7;
    saccade_mrope_prompt prompt = {0};
    prompt.input_ids = ids;
    prompt.length = 5;
    prompt.image_grids = grid;
    prompt.image_count = 1;
    prompt.image_token_id = 1;
    prompt.video_token_id = 2;
    prompt.vision_start_token_id = 3;
    prompt.merge_size = 2;
    prompt.tokens_per_second = 2;
    CHECK(saccade_mrope_positions(&prompt, positions, 15, &delta) == SACCADE_OK);
    CHECK(memcmp(positions, expected, sizeof expected) == 0);
    CHECK(delta == 0);
}

static void test_null(void) {
    const int64_t grids[3] = {1, 2, 2};
    const double three[3] = {1, 1, 1};
    const uint8_t image[12] = {0};
    uint8_t bytes[12];
    float floats[24];
    saccade_family family;
    saccade_plan plan;
    int32_t places[8];
    int64_t a = 0, b = 0;
    CHECK(null_named(saccade_threads(NULL), "out_threads"));
    CHECK(null_named(saccade_smart_resize(1, 1, 1, 1, 1, NULL, &b), "out_height"));
    CHECK(null_named(saccade_smart_resize(1, 1, 1, 1, 1, &a, NULL), "out_width"));
    CHECK(null_named(saccade_get_family(NULL, &family, sizeof family), "name"));
    CHECK(null_named(saccade_get_family("qwen2-vl", NULL, sizeof family), "out_family"));
    CHECK(null_named(saccade_plan_image(9, 9, NULL, 0, 0, &plan, sizeof plan), "family"));
    CHECK(null_named(saccade_plan_image(9, 9, "qwen2-vl", 0, 0, NULL, sizeof plan), "out_plan"));
    CHECK(null_named(saccade_to_source(1, 1, NULL, 1), "points"));
    CHECK(null_named(saccade_resize(NULL, 2, 2, 6, 0, 2, 2, 0, bytes, 12), "image"));
    CHECK(null_named(saccade_resize(image, 2, 2, 6, 0, 2, 2, 0, NULL, 12), "target"));
    CHECK(null_named(saccade_patchify_size(2, 2, 1, 2, 1, NULL, &b), "out_patches"));
    CHECK(null_named(saccade_patchify_size(2, 2, 1, 2, 1, &a, NULL), "out_values"));
    CHECK(null_named(saccade_patchify_native(NULL, 2, 2, 6, 0, 1, 2, 0, bytes, 12), "image"));
    CHECK(null_named(saccade_patchify_native(image, 2, 2, 6, 0, 1, 2, 0, NULL, 12), "patches"));
    CHECK(null_named(saccade_patchify_reference(NULL, 2, 2, 6, 0, 1, 1, 2, 2, three, three, floats, 24), "image"));
    CHECK(null_named(saccade_patchify_reference(image, 2, 2, 6, 0, 1, 1, 2, 2, NULL, three, floats, 24), "mean"));
    CHECK(null_named(saccade_patchify_reference(image, 2, 2, 6, 0, 1, 1, 2, 2, three, NULL, floats, 24), "std"));
    CHECK(null_named(saccade_patchify_reference(image, 2, 2, 6, 0, 1, 1, 2, 2, three, three, NULL, 24), "patches"));
    CHECK(null_named(saccade_resize_patchify_native(NULL, 2, 2, 6, 0, 2, 2, 0, 1, 2, 0, bytes, 12), "image"));
    CHECK(null_named(saccade_resize_patchify_native(image, 2, 2, 6, 0, 2, 2, 0, 1, 2, 0, NULL, 12), "patches"));
    CHECK(null_named(saccade_resize_patchify_reference(NULL, 2, 2, 6, 0, 2, 2, 0, 1, 2, 2, three, three, floats, 24),
                     "image"));
    CHECK(null_named(saccade_resize_patchify_reference(image, 2, 2, 6, 0, 2, 2, 0, 1, 2, 2, NULL, three, floats, 24),
                     "mean"));
    CHECK(null_named(saccade_resize_patchify_reference(image, 2, 2, 6, 0, 2, 2, 0, 1, 2, 2, three, NULL, floats, 24),
                     "std"));
    CHECK(null_named(saccade_resize_patchify_reference(image, 2, 2, 6, 0, 2, 2, 0, 1, 2, 2, three, three, NULL, 24),
                     "patches"));
    CHECK(null_named(saccade_window_index_size(NULL, 1, 2, 28, 14, &a, &b), "grids"));
    CHECK(null_named(saccade_window_index_size(grids, 1, 2, 28, 14, NULL, &b), "out_tokens"));
    CHECK(null_named(saccade_window_index_size(grids, 1, 2, 28, 14, &a, NULL), "out_boundaries"));
    CHECK(null_named(saccade_window_index(NULL, 1, 2, 28, 14, places, 1, places, 2), "grids"));
    CHECK(null_named(saccade_window_index(grids, 1, 2, 28, 14, NULL, 1, places, 2), "index"));
    CHECK(null_named(saccade_window_index(grids, 1, 2, 28, 14, places, 1, NULL, 2), "boundaries"));
    CHECK(null_named(saccade_patch_count(NULL, 1, 2, &a), "grids"));
    CHECK(null_named(saccade_patch_count(grids, 1, 2, NULL), "out_patches"));
    CHECK(null_named(saccade_vision_positions(NULL, 1, 2, places, 8), "grids"));
    CHECK(null_named(saccade_vision_positions(grids, 1, 2, NULL, 8), "positions"));
}

static void test_null_in_a_prompt(void) {
    const int64_t ids[1] = {5}, grid[3] = {1, 2, 2};
    int32_t positions[3];
    int64_t delta = 0;
    saccade_mrope_prompt prompt = {0};
    prompt.length = 1;
    prompt.image_token_id = 1;
    prompt.video_token_id = 2;
    prompt.vision_start_token_id = 3;
    prompt.merge_size = 2;
    prompt.tokens_per_second = 2;
    CHECK(null_named(saccade_mrope_positions(NULL, positions, 3, &delta), "prompt"));
    CHECK(null_named(saccade_mrope_positions(&prompt, positions, 3, &delta), "input_ids"));
    prompt.input_ids = ids;
    CHECK(null_named(saccade_mrope_positions(&prompt, NULL, 3, &delta), "positions"));
    CHECK(null_named(saccade_mrope_positions(&prompt, positions, 3, NULL), "out_delta"));
    prompt.image_count = 1;
    CHECK(null_named(saccade_mrope_positions(&prompt, positions, 3, &delta), "image_grids"));
    prompt.image_count = 0;
    prompt.video_count = 1;
    CHECK(null_named(saccade_mrope_positions(&prompt, positions, 3, &delta), "video_grids"));
    prompt.video_grids = grid;
    prompt.seconds_count = 1;
    CHECK(null_named(saccade_mrope_positions(&prompt, positions, 3, &delta), "seconds_per_grid"));
    prompt.seconds_count = 0;
    prompt.video_count = 0;
    CHECK(saccade_mrope_positions(&prompt, positions, 3, &delta) == SACCADE_OK);
    CHECK(positions[0] == 0 && positions[2] == 0 && delta == 0);
}

int main(void) {
    test_versions();
    test_use();
    test_formats();
    test_a_batch();
    test_windows_and_positions();
    test_a_prompt();
    test_null();
    test_null_in_a_prompt();
    return failures == 0 ? 0 : 1;
}
