import MLX
import Saccade

/// The vision tower of Qwen2-VL (arXiv 2409.12191, section 2.1). Symbols in shapes: N patches, D width, H heads,
/// d = D / H.
///
/// There are no windows: every block attends over a whole frame, and patches stay in merge-block order.
struct Qwen2VisionTower: VisionTower {
    /// Attention, then MLP, each on the normalized stream and added to it.
    struct Block {
        let norm1: LayerNorm
        let norm2: LayerNorm
        let qkv: Linear
        let proj: Linear
        let fc1: Linear
        let fc2: Linear

        /// `[N, D]` -> `[N, D]`; all but attention goes by rows, so that its memory does not grow with N.
        func callAsFunction(
            _ x: MLXArray, _ segments: Segments, _ rotary: Rotary, heads: Int, _ budget: EvaluationBudget
        ) throws -> MLXArray {
            let mixed = try mapRows(x.dim(0), budget, work: 1) { rows in
                let qkv = try qkv(norm1(x[rows])).reshaped(rows.count, 3, heads, -1)  // [N, 3, H, d]
                let turns = rotary[rows]
                let turned = [0, 1].map { turns.turn(qkv[0..., $0]).expandedDimensions(axis: 1) }
                return concatenated(turned + [qkv[0..., 2...]], axis: 1)
            }
            let attended = try SegmentAttention.attend(
                mixed[0..., 0], mixed[0..., 1], mixed[0..., 2], segments, budget)
            return try mapRows(x.dim(0), budget, work: EvaluationBudget.quarters - 1) { rows in
                let part = x[rows] + (try proj(attended[rows]))
                return part + (try feedForward(norm2(part)))
            }
        }

        /// Two layers around the quick GELU; float32 after the first one if x is float16.
        private func feedForward(_ x: MLXArray) throws -> MLXArray {
            let wide = try fc1(x)
            return try fc2(quickGELU(x.dtype == .float16 ? wide.asType(.float32) : wide))
        }
    }

    let config: VisionConfig
    let type: DType
    let embedding: PatchEmbedding
    let blocks: [Block]
    let mergerNorm: LayerNorm
    let mergerIn: Linear
    let mergerOut: Linear

    init(_ weights: Weights, _ config: VisionConfig, _ pixels: PreprocessorConfig) throws {
        self.config = config
        type = weights.type
        embedding = PatchEmbedding(try weights.tensor("visual.patch_embed.proj.weight"), pixels, type: weights.type)
        func norm(_ name: String) throws -> LayerNorm {
            LayerNorm(
                weight: try weights.tensor("\(name).weight"), bias: try weights.tensor("\(name).bias"),
                epsilon: VisionConfig.normEpsilon)
        }
        blocks = try (0..<config.depth).map { number in
            let name = "visual.blocks.\(number)"
            return Block(
                norm1: try norm("\(name).norm1"), norm2: try norm("\(name).norm2"),
                qkv: try weights.linear("\(name).attn.qkv"), proj: try weights.linear("\(name).attn.proj"),
                fc1: try weights.linear("\(name).mlp.fc1"), fc2: try weights.linear("\(name).mlp.fc2"))
        }
        mergerNorm = try norm("visual.merger.ln_q")
        mergerIn = try weights.linear("visual.merger.mlp.0")
        mergerOut = try weights.linear("visual.merger.mlp.2")
    }

    func callAsFunction(_ patches: MLXArray, _ grid: PatchGrid, progress: ((Double) -> Void)?) throws -> MLXArray {
        let count = patches.dim(0)
        let frames = Segments(
            SegmentRun.join(Array(repeating: grid.rows * grid.columns, count: grid.frames)), config)
        let budget = budget(Array(repeating: frames, count: blocks.count), patches: count, progress: progress)
        let coordinates = MLXArray(try visionPositions([grid], mergeSize: config.mergeSize), [count, 2])
        let rotary = Rotary.twoDimensional(coordinates, headWidth: config.headWidth, theta: config.ropeTheta)
        var x = try mapRows(count, budget) { widened(embedding(patches[$0])) }  // [N, D]
        for block in blocks {
            x = try block(x, frames, rotary, heads: config.headCount, budget)
            budget.record([x])
        }
        let stream = x
        let merged = try mapRows(count / config.unit, budget, step: TowerMemory.rows / config.unit) {
            try merge(stream, $0)
        }
        return try checked(try budget.finish(merged))
    }

    /// Merges the patches of some tokens: `[N, D]` -> `[tokens, outHiddenSize]`.
    private func merge(_ x: MLXArray, _ tokens: Range<Int>) throws -> MLXArray {
        let patches = (tokens.lowerBound * config.unit)..<(tokens.upperBound * config.unit)
        let joined = mergerNorm(x[patches]).reshaped(-1, config.hiddenSize * config.unit)  // [tokens, 4 D]
        return try mergerOut(gelu(try mergerIn(joined)))
    }
}
