// What a kernel is: the inner loops of resampling and cutting, once for each instruction set, and the table of them.
//
// All kernels do the same integer arithmetic, so their results are the same bits; scalar.cpp is the plainest form.
// Between the passes rows lie in GROUPS: rows_in_group rows interleaved, so that the vertical pass finds the samples it
// multiplies and adds side by side:
//
//     rows   a0 a1 a2 ..   b0 b1 b2 ..   c0 c1 c2 ..   d0 d1 d2 ..
//     group  a0 b0 c0 d0 a1 b1 c1 d1 a2 b2 c2 d2 ..           (four rows of bytes, or two rows of 16-bit samples)
//
// Group g holds rows g * rows_in_group and following, counted in the whole image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../bicubic.h"
#include "../image.h"
#include "iota.h"

namespace saccade {

/// Bytes after the last sample of a row that a kernel may read, and does not use.
inline constexpr std::int64_t kRowSlack = 256;

/// Samples a kernel may write past the last one of a group, rounding up to whole vectors.
inline constexpr std::int64_t kGroupSlack = 128;

/// A horizontal pass with its weights in the form its kernel wants.
class HorizontalPass {
  public:
    virtual ~HorizontalPass() = default;

    /// Resamples Kernel::rows_in_call rows (kRowSlack readable bytes after each) into as many rows' worth of groups
    /// (64-byte aligned, kGroupSlack writable samples after each). The rows of the next call lie `ahead` bytes behind
    /// these; 0: not known. A kernel may ask for them meanwhile.
    virtual void run(const std::uint8_t* const* rows, std::uint8_t* const* groups, std::int64_t ahead) const = 0;
};

struct Kernel {
    const char* name;
    bool (*supported)();  // by the CPU that runs this

    int rows_in_group;
    int rows_in_call;    // of a horizontal pass; a multiple of rows_in_group
    int bytes_a_column;  // of a group: those of one sample of each of its rows
    int words_a_group;   // of vertical weights

    /// bicubic_weights or a faster form of it.
    AxisWeights (*weights)(std::int64_t input, std::int64_t output);

    std::unique_ptr<HorizontalPass> (*horizontal)(const AxisWeights& axis);

    /// Brings `count` weights, the first of them for row `skip` of the first of `groups` groups, into the words that
    /// `vertical` reads; rows without a weight get 0.
    void (*pack)(const std::int32_t* weights, std::int64_t count, std::int64_t skip, std::int64_t groups,
                 std::int32_t* words);

    /// One output row out of `count` groups. words: words_a_group a group.
    void (*vertical)(const std::int32_t* words, const std::uint8_t* const* groups, std::int64_t count,
                     std::int64_t samples, std::uint8_t* out);

    /// rows_in_group rows into a group, and back. Rows have kRowSlack readable bytes, written are `samples` bytes only.
    void (*join)(const std::uint8_t* const* rows, std::int64_t samples, std::uint8_t* group);
    void (*split)(const std::uint8_t* group, std::int64_t samples, std::uint8_t* const* rows);

    /// Brings a row of another format into RGB. Up to 64 bytes after the last pixel of `out` may be written.
    void (*to_rgb)(const std::uint8_t* row, PixelFormat format, std::int64_t width, std::uint8_t* out);

    /// Cuts patch_size rows of RGB (kRowSlack readable bytes after each) into `count` patches (channel, y, x).
    void (*cut)(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count,
                std::uint8_t* const* patches);

    /// `count` bytes as floats, (byte / 255 - mean) / std, by arithmetic that a table of all bytes has to confirm for
    /// this mean and std (normalize.h). NULL: the kernel has none.
    void (*normalize)(float mean, float std, const std::uint8_t* bytes, std::int64_t count, float* out);

    /// Rows of integers that count up.
    void (*ramps)(const Ramps& ramps, std::int32_t* out);
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

/// The kernel that the calling thread uses: the one it asked for, else the one SACCADE_KERNEL names, else the best.
/// Throws InputError where SACCADE_KERNEL names one that this build or CPU does not have.
const Kernel& selected_kernel();

/// Makes the calling thread use a kernel from now on; NULL: the process's again. Throws InputError as above.
void select_kernel(const char* name);

/// Name of the kernel that made the pixels of the calling thread's last resize or patches; NULL before the first.
const char* last_kernel();
void note_last_kernel(const Kernel& kernel);

/// Names of the kernels that this build has and this CPU runs, best first, separated by spaces.
const std::string& available_kernels();

// -- what several kernels share ---------------------------------------------------------------------------------------

/// A weight as its signed base-256 digits: weight = 65536 high + 256 middle + low. A weight lies between -0.2 and 1.2
/// in units of 2^22, so high lies between -13 and 77.
struct WeightDigits {
    std::int8_t high, middle, low;
};
inline WeightDigits digits(std::int32_t weight) {
    const auto low = static_cast<std::int8_t>(weight);
    const std::int32_t rest = (weight - low) >> 8;
    const auto middle = static_cast<std::int8_t>(rest);
    return {static_cast<std::int8_t>((rest - middle) >> 8), middle, low};
}

/// A weight in halves of 11 bits: weight = 2048 high + low, low from -1024 to 1023, high within 12 bits and a sign.
struct WeightHalves {
    std::int16_t high, low;
};
inline WeightHalves halves(std::int32_t weight) {
    const std::int32_t low = ((weight & 2047) ^ 1024) - 1024;
    return {static_cast<std::int16_t>((weight - low) >> 11), static_cast<std::int16_t>(low)};
}

/// Copies weights [first, first + Count), 0 where there is none.
template <int Count>
inline void copy_weights(const std::int32_t* weights, std::int64_t count, std::int64_t first, std::int32_t* to) {
    for (std::int64_t i = 0; i < Count; ++i) to[i] = first + i < 0 || first + i >= count ? 0 : weights[first + i];
}

/// The plain conversion, from pixel `first` on: for the pixels that are left after whole vectors.
void to_rgb_plain(const std::uint8_t* row, PixelFormat format, std::int64_t first, std::int64_t width,
                  std::uint8_t* out);

/// The plain cut, for patch sizes a kernel has no own code for.
void cut_plain(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count,
               std::uint8_t* const* patches);

}  // namespace saccade
