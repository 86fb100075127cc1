import MLX
import Saccade

/// The vision tower of a family: patches of one image in, one vector for each merged token out.
protocol VisionTower {
    /// Shape of the tower.
    var config: VisionConfig { get }
    /// Precision of the computation.
    var type: DType { get }
    /// The embedding of patches.
    var embedding: PatchEmbedding { get }

    /// Runs the tower.
    ///
    /// - Parameters:
    ///   - patches: uint8 `[N, 588]` of one image, in the order of `nativePatches`.
    ///   - grid: of the image in patches.
    ///   - progress: called with the share done on the way.
    /// - Returns: `[N / 4, outHiddenSize]`, tokens row by row, evaluated.
    /// - Throws: `ModelError.input` for values that are not finite, `CancellationError` if the task is cancelled.
    func callAsFunction(_ patches: MLXArray, _ grid: PatchGrid, progress: ((Double) -> Void)?) throws -> MLXArray
}

extension VisionTower {
    /// Returns the budget of one pass, given the segments of each block.
    func budget(_ schedule: [Segments], patches: Int, progress: ((Double) -> Void)?) -> EvaluationBudget {
        let total = schedule.reduce(0) { $0 + patches * EvaluationBudget.quarters + $1.work }
        return EvaluationBudget(
            limit: Backend.isGPU ? EvaluationBudget.patchLayers : 0, total: total, progress: progress)
    }

    /// Returns the stream of patches, in float32 if the weights are float16: real streams exceed its 65,504.
    func widened(_ x: MLXArray) -> MLXArray { type == .float16 ? x.asType(.float32) : x }

    /// Refuses features that are not finite.
    func checked(_ features: MLXArray) throws -> MLXArray {
        guard isAllFinite(features) else { throw nonfiniteError("the vision tower", type) }
        return features
    }
}

/// True if an array has neither NaN nor infinity.
func isAllFinite(_ x: MLXArray) -> Bool { isFinite(x).all().item(Bool.self) }

/// Returns the error for values that are not finite.
func nonfiniteError(_ stage: String, _ type: DType) -> ModelError {
    let advice =
        type == .float16
        ? "Its range ends at 65,504: load with precision bfloat16 or float32"
        : "The weights may hold NaN: download the checkpoint again"
    return .input("\(stage): expected finite values; got NaN or infinity in \(type). \(advice)")
}
