// Kernels: the inner loops of resampling and patchify, one implementation per instruction set.
//
// All kernels compute the same integer arithmetic, so their results are bit-identical; scalar.cpp is the oracle.
// Between the passes, rows are stored in GROUPS of rows_in_group interleaved rows. The samples that the vertical pass
// multiplies and adds are then adjacent:
//
//     rows   a0 a1 a2 ..   b0 b1 b2 ..   c0 c1 c2 ..   d0 d1 d2 ..
//     group  a0 b0 c0 d0 a1 b1 c1 d1 a2 b2 c2 d2 ..           (four rows of bytes, or two rows of 16-bit samples)
//
// Group g holds rows_in_group rows of the whole image, from row g * rows_in_group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../bicubic.h"
#include "../image.h"
#include "iota.h"
#include "normalize.h"

namespace saccade {

/// Bytes after the last sample of a row that a kernel may read. It ignores their values.
inline constexpr std::int64_t kRowSlack = 256;

/// Samples after the end of a group that a kernel may write, in whole vectors.
inline constexpr std::int64_t kGroupSlack = 128;

/// A horizontal pass, with weights in the form that its kernel reads.
class HorizontalPass {
  public:
    virtual ~HorizontalPass() = default;

    /// Resamples Kernel::rows_in_call rows, with kRowSlack readable bytes after each, into the same number of rows in
    /// groups, 64-byte aligned, with kGroupSlack writable samples after each. `ahead`: bytes from these rows to those
    /// of the next call, which a kernel may prefetch; 0 if unknown.
    virtual void run(const std::uint8_t* const* rows, std::uint8_t* const* groups, std::int64_t ahead) const = 0;
};

/// A form of weights that instructions multiply, and the passes on it.
struct Arithmetic {
    std::int32_t max_weight;  // largest weight that it takes
    int packed_per_group;     // int32s of packed vertical weights per group

    /// Returns the horizontal pass of an axis, which must outlive it.
    std::unique_ptr<HorizontalPass> (*horizontal)(const AxisWeights& axis);

    /// Packs `count` weights into the form that `vertical` reads, packed_per_group int32s for each of `groups` groups.
    /// The first weight is for row `skip` of the first group; rows without a weight get 0.
    void (*pack)(const std::int32_t* weights, std::int64_t count, std::int64_t skip, std::int64_t groups,
                 std::int32_t* packed_weights);

    /// Computes one output row out of `count` groups. packed_weights: packed_per_group int32s per group. bits: fraction
    /// bits of the weights.
    void (*vertical)(const std::int32_t* packed_weights, const std::uint8_t* const* groups, std::int64_t count,
                     std::int64_t samples, int bits, std::uint8_t* out);
};

/// Arithmetic::max_weight of an arithmetic for all weights of kWeightBits.
inline constexpr std::int32_t kAnyWeight = std::numeric_limits<std::int32_t>::max();

/// The functions and constants of one instruction set.
struct Kernel {
    const char* name;
    bool (*supported)();  // true if this CPU can run it

    int rows_in_group;
    int rows_in_call;      // rows per call of a horizontal pass; a multiple of rows_in_group
    int bytes_per_column;  // bytes of a group per sample of its rows

    /// Returns the weights of an axis: bicubic_weights, or its SIMD form.
    AxisWeights (*weights)(std::int64_t input, std::int64_t output, WeightRounding rounding);

    Arithmetic wide;    // for weights of kWeightBits
    Arithmetic narrow;  // for torchvision's 16-bit weights; max_weight 0: none, so they are widened

    /// Returns the weights as one of the two arithmetics takes them, and the arithmetic of such weights.
    AxisWeights fitted(AxisWeights axis) const {
        return axis.bits == kWeightBits || fits_narrow(axis) ? std::move(axis) : widened(std::move(axis));
    }
    const Arithmetic& arithmetic(const AxisWeights& fitted_axis) const {
        return fits_narrow(fitted_axis) ? narrow : wide;
    }
    bool fits_narrow(const AxisWeights& axis) const {
        return axis.bits != kWeightBits && axis.largest <= narrow.max_weight;
    }

    /// Interleaves rows_in_group rows, with kRowSlack readable bytes after each, into a group; and the reverse, which
    /// writes exactly `samples` bytes per row.
    void (*interleave)(const std::uint8_t* const* rows, std::int64_t samples, std::uint8_t* group);
    void (*deinterleave)(const std::uint8_t* group, std::int64_t samples, std::uint8_t* const* rows);

    /// Converts a row to RGB. May write up to 64 bytes after the last pixel of `out`.
    void (*to_rgb)(const std::uint8_t* row, PixelFormat format, std::int64_t width, std::uint8_t* out);

    /// Splits patch_size RGB rows, with kRowSlack readable bytes after each, into `count` patches (channel, y, x).
    void (*patchify_rows)(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count,
                          std::uint8_t* const* patches);

    /// Converts `count` bytes to floats. The caller must first compare all 256 bytes with a table for the same
    /// constants (normalize.h). NULL if the kernel has no such function.
    void (*normalize)(const ChannelNormalization& constants, const std::uint8_t* bytes, std::int64_t count, float* out);

    /// Writes rows of integers that count up in steps (iota.h).
    void (*iota)(const Iota& iota, std::int32_t* out);
};

extern const Kernel kScalarKernel;
#if defined(__x86_64__)
extern const Kernel kAvx2Kernel;
extern const Kernel kAvx512BwKernel;
extern const Kernel kAvx512Kernel;
#elif defined(__aarch64__)
extern const Kernel kNeonKernel;
extern const Kernel kNeonDotprodKernel;
extern const Kernel kNeonI8mmKernel;
#endif

/// Returns the calling thread's kernel: the selected one, else the one that SACCADE_KERNEL names, else the fastest.
/// Throws InputError if SACCADE_KERNEL names a kernel that this build or CPU lacks.
const Kernel& selected_kernel();

/// Sets the calling thread's kernel; NULL restores the process's. Throws InputError if this build or CPU lacks it.
void select_kernel(const char* name);

/// Returns the name of the kernel of the calling thread's last resize or patches; NULL before the first.
const char* last_kernel();
void note_last_kernel(const Kernel& kernel);

/// Returns the names of the available kernels, fastest first, separated by spaces.
const std::string& available_kernels();

// -- shared by several kernels ----------------------------------------------------------------------------------------

/// The signed base-256 digits of a weight: weight = 65536 high + 256 middle + low. A weight is between -0.2 and 1.2 in
/// units of 2^22, so high is between -13 and 77. In weights up to kMaxTwoDigits, high is 0.
struct WeightDigits {
    std::int8_t high, middle, low;
};
inline WeightDigits digits(std::int32_t weight) {
    const auto low = static_cast<std::int8_t>(weight);
    const std::int32_t rest = (weight - low) >> 8;
    const auto middle = static_cast<std::int8_t>(rest);
    return {static_cast<std::int8_t>((rest - middle) >> 8), middle, low};
}

inline constexpr std::int32_t kMaxTwoDigits = 127 * 256 + 127;

/// The halves of a weight: weight = 2048 high + low, with low from -1024 to 1023 and high in 12 bits plus sign.
struct WeightHalves {
    std::int16_t high, low;
};
inline WeightHalves halves(std::int32_t weight) {
    const std::int32_t low = ((weight & 2047) ^ 1024) - 1024;
    return {static_cast<std::int16_t>((weight - low) >> 11), static_cast<std::int16_t>(low)};
}

/// Copies weights [first, first + Count), with 0 for those that do not exist.
template <int Count>
inline void copy_weights(const std::int32_t* weights, std::int64_t count, std::int64_t first, std::int32_t* to) {
    for (std::int64_t i = 0; i < Count; ++i) to[i] = first + i < 0 || first + i >= count ? 0 : weights[first + i];
}

/// Converts pixels [first, width) to RGB: the scalar form, for the tail after whole vectors.
void to_rgb_plain(const std::uint8_t* row, PixelFormat format, std::int64_t first, std::int64_t width,
                  std::uint8_t* out);

/// Splits rows into patches: the scalar form, for patch sizes without SIMD code.
void patchify_rows_plain(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count,
                         std::uint8_t* const* patches);

}  // namespace saccade
