/* Plans a screen capture, computes the patches of a Qwen2.5-VL vision tower, and maps a box of the answer back. */
#include <saccade.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(const char* what) {
    fprintf(stderr, "%s: %s\n", what, saccade_last_message());
    return 1;
}

int main(void) {
    const int64_t width = 3840, height = 2160, stride = 4 * width;
    uint8_t* pixels = calloc((size_t)(stride * height), 1); /* BGRA */
    saccade_family family;
    saccade_plan plan;
    if (pixels == NULL || saccade_abi_version() != SACCADE_ABI_VERSION) return 1;
    if (saccade_get_family("qwen2.5-vl", &family, sizeof family) != SACCADE_OK) return failed("family");
    if (saccade_plan_image(width, height, "qwen2.5-vl", 0, 1280, &plan, sizeof plan) != SACCADE_OK) {
        return failed("plan");
    }
    printf("%lld tokens, resized to %lldx%lld\n", (long long)plan.tokens, (long long)plan.width,
           (long long)plan.height);

    const int64_t values = 3 * family.patch_size * family.patch_size;
    uint8_t* patches = malloc((size_t)(plan.patches * values));
    if (patches == NULL) return 1;
    if (saccade_resize_patchify_native(pixels, width, height, stride, SACCADE_FORMAT_BGRA, plan.width, plan.height,
                                       SACCADE_BACKEND_PILLOW13, family.patch_size, family.merge_size,
                                       family.window_size, patches, plan.patches * values) != SACCADE_OK) {
        return failed("patches");
    }

    double box[4] = {100, 50, 300, 90}; /* in pixels of the resized image, as Qwen2.5-VL answers */
    if (saccade_to_source(plan.scale_x, plan.scale_y, box, 2) != SACCADE_OK) return failed("box");
    printf("box %.1f %.1f %.1f %.1f\n", box[0], box[1], box[2], box[3]);
    free(patches);
    free(pixels);
    return 0;
}
