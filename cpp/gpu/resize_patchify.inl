// Resizes images bit for bit as the CPU core does, and writes their patches in window order.
//
// A group computes a tile of TILE x TILE pixels of one resized image. Axis A is that of the first pass, axis B that of
// the second; each may be x or y, so both orders of the passes are one text. The samples of axis B that the tile needs
// are visited in strips: the first pass of a strip goes to shared memory as bytes, then each thread adds the products of
// the second pass to the sums of its own samples. Sums are modulo 2^32, so the order of additions changes no bit, and a
// strip of any length serves any scale. An axis that keeps its length has weights of 1, which change no byte.

#define TILE 32                // pixels along a side of a tile
#define STRIP 32               // samples of axis B in shared memory
#define SHARED_BYTES 3072      // STRIP * TILE * 3
#define SAMPLES_PER_THREAD 12  // TILE * TILE * 3 / THREADS

#define PLAN_INTS 22
#define PLAN_FIRST 0         // group
#define PLAN_SOURCE 1        // index of the first byte in `source`
#define PLAN_STRIDE_A 2      // bytes from a pixel to the next along axis A
#define PLAN_STRIDE_B 3
#define PLAN_RED 4           // bytes from the start of a pixel to its channel
#define PLAN_GREEN 5
#define PLAN_BLUE 6
#define PLAN_LENGTH_A 7      // pixels of the result along axis A
#define PLAN_LENGTH_B 8
#define PLAN_SPANS_A 9       // index of the axis's spans in `weights`
#define PLAN_SPANS_B 10
#define PLAN_BITS_A 11       // fraction bits of the axis's weights
#define PLAN_BITS_B 12
#define PLAN_A_IS_X 13       // 1: axis A is horizontal
#define PLAN_FIRST_PATCH 14  // index of the image's first patch in `patches`
#define PLAN_PATCH_SIZE 15   // pixels
#define PLAN_MERGE 16        // patches along a side of a token
#define PLAN_ROWS 17         // tokens
#define PLAN_COLUMNS 18      // tokens
#define PLAN_SIDE 19         // of a window, in tokens
#define PLAN_TILES_A 20      // tiles along axis A

// Spans: pairs of the first input sample of an output sample, and the index of its first weight; one pair more at the
// end, for the end of the last weights.
#define SPAN_INTS 2
#define SPAN_SAMPLE 0
#define SPAN_WEIGHT 1

/// Returns the byte of a sum of products. `bits`: fraction bits of the weights.
FUNCTION(uchar) to_byte(uint sum, int bits) {
    const int value = (int)sum >> bits;
    return (uchar)(value < 0 ? 0 : value > 255 ? 255 : value);
}

typedef struct {
    uint red, green, blue;
} PixelSums;

/// Returns the sums of products of a pixel along axis A. `line`: index in `source` of the pixel at sample 0.
FUNCTION(PixelSums) weigh_source(READS(uchar) source, READS(int) plans, int plan, READS(int) weights, int span,
                                 int line) {
    const int red = plans[plan + PLAN_RED], green = plans[plan + PLAN_GREEN], blue = plans[plan + PLAN_BLUE];
    const int stride = plans[plan + PLAN_STRIDE_A], end = weights[span + SPAN_INTS + SPAN_WEIGHT];
    const uint rounding = 1u << (plans[plan + PLAN_BITS_A] - 1);
    PixelSums sums = {rounding, rounding, rounding};
    int at = line + weights[span + SPAN_SAMPLE] * stride;
    for (int i = weights[span + SPAN_WEIGHT]; i < end; ++i) {
        const uint weight = (uint)weights[i];
        sums.red += weight * source[at + red];
        sums.green += weight * source[at + green];
        sums.blue += weight * source[at + blue];
        at += stride;
    }
    return sums;
}

/// Returns the index in a strip of channel c of the pixel at sample a of axis A and the strip's sample b of axis B.
FUNCTION(int) index_in_strip(int a, int b, int c) { return (c * STRIP + b) * TILE + a; }

/// Returns the sum of products along axis B of the samples in a strip, which starts at sample `start` and has `count`
/// of them.
FUNCTION(uint) weigh_strip(SHARED(uchar) strip, READS(int) weights, int span, int a, int c, int start, int count) {
    const int sample = weights[span + SPAN_SAMPLE], weight = weights[span + SPAN_WEIGHT];
    const int end = smaller(sample + weights[span + SPAN_INTS + SPAN_WEIGHT] - weight, start + count);
    uint sum = 0;
    for (int i = sample > start ? sample : start; i < end; ++i) {
        sum += (uint)weights[weight + i - sample] * strip[index_in_strip(a, i - start, c)];
    }
    return sum;
}

/// Returns the index in `patches` of channel c of pixel (x, y).
FUNCTION(int) index_in_patches(READS(int) plans, int plan, int x, int y, int c) {
    const int size = plans[plan + PLAN_PATCH_SIZE], merge = plans[plan + PLAN_MERGE];
    const int row = y / size, column = x / size;
    const int token = place_in_windows(plans[plan + PLAN_ROWS], plans[plan + PLAN_COLUMNS], plans[plan + PLAN_SIDE],
                                       row / merge, column / merge);
    const int patch =
        plans[plan + PLAN_FIRST_PATCH] + token * merge * merge + row % merge * merge + column % merge;
    return ((patch * 3 + c) * size + y % size) * size + x % size;
}

/// source: uchar, all images. plans: a row per image. weights: int, spans and weights of all axes. patches: uchar
/// [patches, 3 * patch_size * patch_size], of all images. strip: uchar [SHARED_BYTES].
KERNEL(resize_patchify)(READS(uchar) source, READS(int) plans, READS(int) weights, WRITES(uchar) patches,
                        SHARED(uchar) strip, uint group, uint in_group) {
    const int plan = find_row(plans, PLAN_INTS, (int)group);
    const int tile = (int)group - plans[plan + PLAN_FIRST], tiles_a = plans[plan + PLAN_TILES_A];
    const int first_a = tile % tiles_a * TILE, first_b = tile / tiles_a * TILE;
    const int count_a = smaller(TILE, plans[plan + PLAN_LENGTH_A] - first_a);
    const int count_b = smaller(TILE, plans[plan + PLAN_LENGTH_B] - first_b);
    const int spans_a = plans[plan + PLAN_SPANS_A] + first_a * SPAN_INTS;
    const int spans_b = plans[plan + PLAN_SPANS_B] + first_b * SPAN_INTS;
    const int bits_a = plans[plan + PLAN_BITS_A], bits_b = plans[plan + PLAN_BITS_B];
    const int a_is_x = plans[plan + PLAN_A_IS_X];

    uint sums[SAMPLES_PER_THREAD];
    for (int k = 0; k < SAMPLES_PER_THREAD; ++k) sums[k] = 1u << (bits_b - 1);

    const int last_b = spans_b + (count_b - 1) * SPAN_INTS;
    const int end = weights[last_b + SPAN_SAMPLE] + weights[last_b + SPAN_INTS + SPAN_WEIGHT] -
                    weights[last_b + SPAN_WEIGHT];
    for (int start = weights[spans_b + SPAN_SAMPLE]; start < end; start += STRIP) {
        const int count = smaller(STRIP, end - start);
        for (int i = (int)in_group; i < STRIP * TILE; i += THREADS) {
            // Threads side by side read pixels side by side.
            const int a = a_is_x ? i % TILE : i / STRIP, b = a_is_x ? i / TILE : i % STRIP;
            if (a < count_a && b < count) {
                const int line = plans[plan + PLAN_SOURCE] + (start + b) * plans[plan + PLAN_STRIDE_B];
                const PixelSums pixel = weigh_source(source, plans, plan, weights, spans_a + a * SPAN_INTS, line);
                strip[index_in_strip(a, b, 0)] = to_byte(pixel.red, bits_a);
                strip[index_in_strip(a, b, 1)] = to_byte(pixel.green, bits_a);
                strip[index_in_strip(a, b, 2)] = to_byte(pixel.blue, bits_a);
            }
        }
        BARRIER;
        for (int k = 0; k < SAMPLES_PER_THREAD; ++k) {
            const int i = (int)in_group + k * THREADS, x = i % TILE, y = i / TILE % TILE, c = i / (TILE * TILE);
            const int a = a_is_x ? x : y, b = a_is_x ? y : x;
            if (a < count_a && b < count_b) {
                sums[k] += weigh_strip(strip, weights, spans_b + b * SPAN_INTS, a, c, start, count);
            }
        }
        BARRIER;
    }

    for (int k = 0; k < SAMPLES_PER_THREAD; ++k) {
        const int i = (int)in_group + k * THREADS, x = i % TILE, y = i / TILE % TILE, c = i / (TILE * TILE);
        const int a = a_is_x ? x : y, b = a_is_x ? y : x;
        if (a < count_a && b < count_b) {
            const int left = a_is_x ? first_a : first_b, top = a_is_x ? first_b : first_a;
            patches[index_in_patches(plans, plan, left + x, top + y, c)] = to_byte(sums[k], bits_b);
        }
    }
    END_KERNEL
}
