import MLX

/// Attention inside the segments of a packed sequence, with scores bounded in memory.
///
/// Where MLX has a fused kernel, scores never exist as an array. Elsewhere all scores would exist at once, heads x length
/// x length, so segments are cut into pieces of `TowerMemory.queryChunk` queries.
enum SegmentAttention {
    /// The part of a run in one attention call.
    struct Piece: Equatable {
        let segments: Range<Int>
        let queries: Range<Int>
    }

    // Queries of one fused call: 1.4 TFLOP against the largest image's patches, where all of them would take 22.
    private static let fusedQueries = 4096

    /// Cuts a run into calls whose scores fit `TowerMemory.scoreBytes`, each of at least one query.
    static func pieces(_ run: SegmentRun, heads: Int, isFused: Bool) -> [Piece] {
        let queries = isFused ? fusedQueries : TowerMemory.queryChunk(run.length, heads: heads)
        guard queries >= run.length else {
            return (0..<run.count).flatMap { segment in
                stride(from: 0, to: run.length, by: queries).map { first in
                    Piece(segments: segment..<(segment + 1), queries: first..<min(first + queries, run.length))
                }
            }
        }
        let together =
            isFused
            ? run.count
            : max(1, TowerMemory.queryChunk(run.length, heads: heads, segments: run.count) / run.length)
        return stride(from: 0, to: run.count, by: together).map { first in
            Piece(segments: first..<min(first + together, run.count), queries: 0..<run.length)
        }
    }

    /// Returns attention of every patch to the patches of its segment.
    ///
    /// - Parameters:
    ///   - queries: `[N, H, d]`; keys and values likewise.
    ///   - segments: the segments, which cover all patches, and their costs.
    ///   - budget: of the pass.
    /// - Returns: `[N, H d]`.
    static func attend(
        _ queries: MLXArray, _ keys: MLXArray, _ values: MLXArray, _ segments: Segments, _ budget: EvaluationBudget
    ) throws -> MLXArray {
        let (heads, width) = (queries.dim(1), queries.dim(2))
        let isFused = Kernels.attentionIsFused(headWidth: width)
        let scale = 1 / Float(width).squareRoot()
        var outputs: [MLXArray] = []
        var (done, pending) = (0, 0)  // outputs evaluated, and bytes of the scores of the others
        for (run, cost) in zip(segments.runs, segments.costs) {
            func split(_ x: MLXArray) -> MLXArray {
                x[run.patches].reshaped(run.count, run.length, heads, width).swappedAxes(1, 2)  // [S, H, L, d]
            }
            let (q, k, v) = (split(queries), split(keys), split(values))
            for piece in pieces(run, heads: heads, isFused: isFused) {
                let count = piece.segments.count * piece.queries.count
                let scores = isFused ? 0 : heads * count * run.length * 4
                if pending > 0, pending + scores > TowerMemory.scoreBytes {
                    // Evaluated here, or the scores of many pieces would be alive at once.
                    try Backend.evaluate(Array(outputs[done...]))
                    (done, pending) = (outputs.count, 0)
                }
                try budget.reserve(count * cost)
                let chosen = q[piece.segments, 0..., piece.queries]
                let mixed = Kernels.attention(
                    chosen, k[piece.segments], v[piece.segments], scale: scale, isCausal: false)
                outputs.append(mixed.swappedAxes(1, 2).reshaped(-1, heads * width))
                budget.record(Array(outputs[done...]))
                pending += scores
            }
        }
        return outputs.count == 1 ? outputs[0] : concatenated(outputs, axis: 0)
    }
}
