import MLX
import Saccade

/// The vision tower of Qwen2.5-VL (arXiv 2502.13923, section 2.1.1). Symbols in shapes: N patches, D width, H heads,
/// d = D / H.
///
/// Patches travel in window order, and the windows of one size stand together. So windows of one size are one slice, one
/// reshape and one attention call: at most four for each layer, and never a mask.
struct Qwen25VisionTower: VisionTower {
    /// The places of patches and segments in the tower's order.
    struct Layout {
        /// Raster index of each token.
        let raster: [Int32]
        /// Place in window order of each token.
        let moved: [Int32]
        /// True if window order is the tower's order.
        let isInPlace: Bool
        /// Segments of the windowed blocks.
        let windows: [SegmentRun]

        init(_ grid: PatchGrid, _ config: VisionConfig, windowSize: Int) throws {
            let order = try windowIndex(
                [grid], mergeSize: config.mergeSize, windowSize: windowSize, patchSize: config.patchSize)
            let starts = order.boundaries.map(Int.init)
            let lengths = zip(starts.dropFirst(), starts).map { $0 - $1 }
            // Windows of one size keep their order.
            let bySize = lengths.indices.sorted { (-lengths[$0], $0) < (-lengths[$1], $1) }
            moved = bySize.flatMap { window -> [Int32] in
                let first = starts[window] / config.unit
                return (first..<(first + lengths[window] / config.unit)).map(Int32.init)
            }
            raster = moved.map { order.index[Int($0)] }
            isInPlace = bySize.elementsEqual(lengths.indices)
            windows = SegmentRun.join(bySize.map { lengths[$0] })
        }
    }

    /// Attention, then MLP, each on the normalized stream and added to it.
    struct Block {
        let norm1: RMSNorm
        let norm2: RMSNorm
        let qkv: Linear
        let proj: Linear
        let gate: Linear
        let up: Linear
        let down: Linear

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

        /// SwiGLU; float32 from the gate on if x is float16, whose range real activations exceed.
        private func feedForward(_ x: MLXArray) throws -> MLXArray {
            let (gate, up) = (try gate(x), try up(x))
            guard x.dtype == .float16 else { return try down(swiglu(gate, up)) }
            return try down(swiglu(gate.asType(.float32), up.asType(.float32)))
        }
    }

    let config: VisionConfig
    let type: DType
    let embedding: PatchEmbedding
    let blocks: [Block]
    let mergerNorm: RMSNorm
    let mergerIn: Linear
    let mergerOut: Linear

    init(_ weights: Weights, _ config: VisionConfig, _ pixels: PreprocessorConfig) throws {
        self.config = config
        type = weights.type
        embedding = PatchEmbedding(try weights.tensor("visual.patch_embed.proj.weight"), pixels, type: weights.type)
        func norm(_ name: String) throws -> RMSNorm {
            RMSNorm(weight: try weights.tensor("\(name).weight"), epsilon: VisionConfig.normEpsilon)
        }
        blocks = try (0..<config.depth).map { number in
            let name = "visual.blocks.\(number)"
            return Block(
                norm1: try norm("\(name).norm1"), norm2: try norm("\(name).norm2"),
                qkv: try weights.linear("\(name).attn.qkv"), proj: try weights.linear("\(name).attn.proj"),
                gate: try weights.linear("\(name).mlp.gate_proj"), up: try weights.linear("\(name).mlp.up_proj"),
                down: try weights.linear("\(name).mlp.down_proj"))
        }
        mergerNorm = try norm("visual.merger.ln_q")
        mergerIn = try weights.linear("visual.merger.mlp.0")
        mergerOut = try weights.linear("visual.merger.mlp.2")
    }

    func callAsFunction(_ patches: MLXArray, _ grid: PatchGrid, progress: ((Double) -> Void)?) throws -> MLXArray {
        let layout = try Layout(grid, config, windowSize: config.windowSize ?? 112)
        let count = patches.dim(0)
        let windows = Segments(layout.windows, config)
        let frames = Segments(
            SegmentRun.join(Array(repeating: grid.rows * grid.columns, count: grid.frames)), config)
        let schedule = blocks.indices.map { config.fullAttentionBlocks.contains($0) ? frames : windows }
        let budget = budget(schedule, patches: count, progress: progress)
        let coordinates = MLXArray(try visionPositions([grid], mergeSize: config.mergeSize), [count, 2])
        let rotary = Rotary.twoDimensional(
            reordered(coordinates, layout.raster), headWidth: config.headWidth, theta: config.ropeTheta)
        let ordered = layout.isInPlace ? patches : reordered(patches, layout.moved)
        var x = try mapRows(count, budget) { widened(embedding(ordered[$0])) }  // [N, D]
        for (block, segments) in zip(blocks, schedule) {
            x = try block(x, segments, rotary, heads: config.headCount, budget)
            budget.record([x])
        }
        let stream = x
        let tokens = layout.raster.count
        let merged = try mapRows(tokens, budget, step: TowerMemory.rows / config.unit) { try merge(stream, $0) }
        var back = [Int32](repeating: 0, count: tokens)
        for (place, token) in layout.raster.enumerated() { back[Int(token)] = Int32(place) }
        return try checked(try budget.finish(merged.take(MLXArray(back), axis: 0)))
    }

    /// Merges the patches of some tokens: `[N, D]` -> `[tokens, outHiddenSize]`.
    private func merge(_ x: MLXArray, _ tokens: Range<Int>) throws -> MLXArray {
        let patches = (tokens.lowerBound * config.unit)..<(tokens.upperBound * config.unit)
        let joined = mergerNorm(x[patches]).reshaped(-1, config.hiddenSize * config.unit)  // [tokens, 4 D]
        return try mergerOut(gelu(try mergerIn(joined)))
    }

    /// Reorders the merge blocks of rows `[N, ...]`.
    private func reordered(_ rows: MLXArray, _ order: [Int32]) -> MLXArray {
        rows.reshaped(order.count, config.unit, -1).take(MLXArray(order), axis: 0).reshaped(rows.shape)
    }
}
