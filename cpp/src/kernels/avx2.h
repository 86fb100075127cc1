// Shared by the kernels that multiply pairs of 16-bit samples (vpmaddwd): AVX2, and AVX-512 without VNNI.
#pragma once

#if defined(__x86_64__)

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <vector>

#include "../image.h"
#include "kernel.h"

namespace saccade::avx2 {

constexpr int kHalfBits = 11;

/// Marks a last pair that is folded into the first, in place of its (high) weights. If an even number of samples begins
/// with the upper one of a pair, the first pair has no lower sample and the last no upper one. The kernel then
/// multiplies them as one pair: the lower of the last and the upper of the first. Real halves and 16-bit weights are
/// never this low.
constexpr auto kFolded = static_cast<std::int32_t>(0x80008000);

/// Packs weights of two rows per group, with the last group folded into the first if possible: see Arithmetic.
/// Parts 2: in high and low halves. Parts 1: 16-bit weights as they are.
template <int Parts>
void pack(const std::int32_t* weights, std::int64_t count, std::int64_t skip, std::int64_t groups,
          std::int32_t* packed_weights);
/// Returns the weights of an axis: see Kernel.
AxisWeights weights(std::int64_t input, std::int64_t output, WeightRounding rounding);

/// Returns the horizontal pass of the AVX2 kernel, for weights in two halves and for 16-bit weights.
std::unique_ptr<HorizontalPass> horizontal_wide(const AxisWeights& axis);
std::unique_ptr<HorizontalPass> horizontal_narrow(const AxisWeights& axis);

/// Interleaves two rows of bytes into a group of 16-bit samples, and the reverse.
void interleave(const std::uint8_t* const* rows, std::int64_t samples, std::uint8_t* group);
void deinterleave(const std::uint8_t* group, std::int64_t samples, std::uint8_t* const* rows);

void to_rgb(const std::uint8_t* row, PixelFormat format, std::int64_t width, std::uint8_t* out);
void patchify_rows(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count,
                   std::uint8_t* const* patches);

/// Horizontal weights for rows that are transposed into lanes, with a pair of neighboring pixels in each lane. Output
/// pixels are in chunks whose transposed samples fit into the L1 cache. All pixels of a chunk have the same number of
/// pairs. Parts: of a weight, as in pack().
template <int Parts>
class PairWeights {
  public:
    struct Chunk {
        std::int64_t quad;      // first of four input pixels
        std::int64_t end_quad;  // end of the quads
        int pairs;              // per output pixel
        std::int64_t offset;    // index of the first packed weight
    };

    PairWeights(const AxisWeights& axis, std::int64_t pixels_in_cache) : width_(std::ssize(axis.spans)) {
        const std::int64_t scale = std::max<std::int64_t>(1, axis.input_end() / width_);
        chunk_ = std::clamp<std::int64_t>(pixels_in_cache / scale / 4 * 4, 4, 64);
        for (std::int64_t x = 0; x < width_; x += chunk_) {
            const std::int64_t end = std::min(width_, x + chunk_);
            Chunk chunk{axis.spans[static_cast<std::size_t>(x)].first / 4, 0, 0, std::ssize(packed_)};
            for (std::int64_t i = x; i < end; ++i) {
                const auto& span = axis.spans[static_cast<std::size_t>(i)];
                chunk.pairs = std::max(chunk.pairs, static_cast<int>(last_pair(span) - span.first / 2 + 1));
                chunk.end_quad = last_pair(span) / 2 + 1;
            }
            for (std::int64_t i = x; i < end; ++i) pack_pixel(axis, axis.spans[static_cast<std::size_t>(i)], chunk);
            max_quads_ = std::max(max_quads_, chunk.end_quad - chunk.quad);
            max_pairs_ = std::max(max_pairs_, chunk.pairs);
            chunks_.push_back(chunk);
        }
    }

    const std::vector<Chunk>& chunks() const { return chunks_; }

    /// Returns the end of the chunk of output pixels that begins at x.
    std::int64_t end(std::int64_t x) const { return std::min(width_, x + chunk_); }

    /// Returns the index of an output pixel's first pair among the transposed pairs.
    std::int64_t first(std::int64_t x) const { return first_[static_cast<std::size_t>(x)]; }

    /// Returns the parts of each pair's weights, for all pixels of a chunk.
    const std::int32_t* packed(const Chunk& chunk) const { return packed_.data() + chunk.offset; }

    /// Moves the transposed quads that a chunk shares with the chunk before it to the front, and returns their number.
    /// At large scales these are up to half of a chunk.
    template <typename Vector>
    static std::int64_t keep_shared(Vector* transposed, const Chunk& before, const Chunk& chunk) {
        const std::int64_t shared = before.end_quad - chunk.quad;
        if (shared <= 0) return 0;
        std::copy_n(transposed + 6 * (chunk.quad - before.quad), 6 * shared, transposed);
        return shared;
    }

    /// Returns the maximum number of transposed vectors of a chunk, with those read past the end.
    std::int64_t max_transposed() const { return 6 * max_quads_ + 3 * max_pairs_; }

  private:
    static std::int64_t last_pair(const AxisWeights::Span& span) { return (span.first + span.count - 1) / 2; }

    /// Appends the index of the pixel's first transposed pair, and its packed weights, padded with zeros.
    void pack_pixel(const AxisWeights& axis, const AxisWeights::Span& span, const Chunk& chunk) {
        first_.push_back(static_cast<std::int32_t>(span.first / 2 - 2 * chunk.quad));
        const std::size_t at = packed_.size();
        packed_.resize(at + static_cast<std::size_t>(Parts * chunk.pairs));
        pack<Parts>(axis.weights.data() + span.offset, span.count, span.first % 2, chunk.pairs, packed_.data() + at);
    }

    std::int64_t width_;
    std::int64_t chunk_;  // output pixels in a chunk
    std::vector<Chunk> chunks_;
    std::vector<std::int32_t> first_;
    std::vector<std::int32_t> packed_;
    std::int64_t max_quads_ = 0;
    int max_pairs_ = 0;
};

}  // namespace saccade::avx2

#endif
