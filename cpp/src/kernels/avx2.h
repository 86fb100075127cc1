// What the kernels that multiply pairs of 16-bit samples (vpmaddwd) share: AVX2 and AVX-512 without VNNI.
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

/// Stands for the high halves of a last pair that is folded into the first. Where an even number of samples begins with
/// the upper one of a pair, the first pair has no lower sample and the last no upper one: they are multiplied as one,
/// the lower of the last and the upper of the first, and what stands first in the words are the weights of both. Halves
/// of weights are never so low.
constexpr auto kFolded = static_cast<std::int32_t>(0x80008000);

/// Weights of two rows a group, the last one folded into the first where it can be, and of an axis: see Kernel.
void pack(const std::int32_t* weights, std::int64_t count, std::int64_t skip, std::int64_t groups, std::int32_t* words);
AxisWeights weights(std::int64_t input, std::int64_t output);

/// The horizontal pass of the AVX2 kernel.
std::unique_ptr<HorizontalPass> horizontal(const AxisWeights& axis);

/// Two rows of bytes to a group of 16-bit samples, and back.
void join(const std::uint8_t* const* rows, std::int64_t samples, std::uint8_t* group);
void split(const std::uint8_t* group, std::int64_t samples, std::uint8_t* const* rows);

void to_rgb(const std::uint8_t* row, PixelFormat format, std::int64_t width, std::uint8_t* out);
void cut(const std::uint8_t* const* rows, std::int64_t patch_size, std::int64_t count, std::uint8_t* const* patches);

/// Horizontal weights for rows that are turned into lanes, a pair of neighboring pixels in each lane: the output
/// pixels in chunks, each as wide as keeps its turned samples in the nearest cache, with as many pairs for each of its
/// pixels.
class PairWeights {
  public:
    struct Chunk {
        std::int64_t quad;      // first of four input pixels
        std::int64_t end_quad;  // one past the last
        int pairs;              // of each output pixel
        std::int64_t offset;    // of the first word
    };

    PairWeights(const AxisWeights& axis, std::int64_t pixels_in_cache) : width_(std::ssize(axis.spans)) {
        const std::int64_t scale = std::max<std::int64_t>(1, axis.input_end() / width_);
        chunk_ = std::clamp<std::int64_t>(pixels_in_cache / scale / 4 * 4, 4, 64);
        for (std::int64_t x = 0; x < width_; x += chunk_) {
            const std::int64_t end = std::min(width_, x + chunk_);
            Chunk chunk{axis.spans[static_cast<std::size_t>(x)].first / 4, 0, 0, std::ssize(words_)};
            for (std::int64_t i = x; i < end; ++i) {
                const auto& span = axis.spans[static_cast<std::size_t>(i)];
                chunk.pairs = std::max(chunk.pairs, static_cast<int>(last_pair(span) - span.first / 2 + 1));
                chunk.end_quad = last_pair(span) / 2 + 1;
            }
            for (std::int64_t i = x; i < end; ++i) pack_pixel(axis, axis.spans[static_cast<std::size_t>(i)], chunk);
            most_quads_ = std::max(most_quads_, chunk.end_quad - chunk.quad);
            most_pairs_ = std::max(most_pairs_, chunk.pairs);
            chunks_.push_back(chunk);
        }
    }

    const std::vector<Chunk>& chunks() const { return chunks_; }

    /// One past the last output pixel of the chunk that begins at x.
    std::int64_t end(std::int64_t x) const { return std::min(width_, x + chunk_); }

    /// Of an output pixel: its first pair among those turned.
    std::int64_t first(std::int64_t x) const { return first_[static_cast<std::size_t>(x)]; }

    /// High and low halves of each pair's weights, for all pixels of a chunk.
    const std::int32_t* words(const Chunk& chunk) const { return words_.data() + chunk.offset; }

    /// Vectors that the turned samples of a chunk may take, read beyond the last one included.
    std::int64_t most_turned() const { return 6 * most_quads_ + 3 * most_pairs_; }

  private:
    static std::int64_t last_pair(const AxisWeights::Span& span) { return (span.first + span.count - 1) / 2; }

    /// Where the pixel's first pair lies among the turned ones, and the words of its pairs, zeros for what it lacks.
    void pack_pixel(const AxisWeights& axis, const AxisWeights::Span& span, const Chunk& chunk) {
        first_.push_back(static_cast<std::int32_t>(span.first / 2 - 2 * chunk.quad));
        const std::size_t at = words_.size();
        words_.resize(at + static_cast<std::size_t>(2 * chunk.pairs));
        pack(axis.weights.data() + span.offset, span.count, span.first % 2, chunk.pairs, words_.data() + at);
    }

    std::int64_t width_;
    std::int64_t chunk_;  // output pixels in a chunk
    std::vector<Chunk> chunks_;
    std::vector<std::int32_t> first_;
    std::vector<std::int32_t> words_;
    std::int64_t most_quads_ = 0;
    int most_pairs_ = 0;
};

}  // namespace saccade::avx2

#endif
