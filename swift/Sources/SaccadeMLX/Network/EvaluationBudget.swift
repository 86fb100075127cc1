import MLX

/// The split of one pass of a tower into evaluations.
///
/// MLX computes lazily, and a GPU's watchdog stops work that runs for seconds. So a tower reserves the work of each step
/// here, and the pending steps are evaluated where a limit would be passed. Only the moment of evaluation changes.
///
/// Work is counted in quarters of a patch-layer, one patch through the matrices of one block: a quarter for query, key
/// and value, three for the rest.
final class EvaluationBudget {
    static let quarters = 4
    /// Patch-layers of one evaluation: about a third of a second on an M1 with the widths of 3B and 7B.
    static let patchLayers = 16384

    private let limit: Int
    private let total: Int
    private let progress: ((Double) -> Void)?
    private var done = 0
    private var pending = 0
    private var latest: [MLXArray] = []

    /// Starts a pass.
    ///
    /// - Parameters:
    ///   - limit: patch-layers of one evaluation; 0 evaluates every step by itself.
    ///   - total: quarters of patch-layers of the whole pass.
    ///   - progress: called with the share done after each evaluation.
    init(limit: Int, total: Int, progress: ((Double) -> Void)? = nil) {
        self.limit = limit * Self.quarters
        self.total = max(total, 1)
        self.progress = progress
    }

    /// Announces a step of so much work; evaluates the steps before it if they leave no room.
    ///
    /// - Throws: `CancellationError` if the task is cancelled, or an error of MLX.
    func reserve(_ work: Int) throws {
        if !latest.isEmpty, limit == 0 || pending + work > limit { try evaluate() }
        pending += work
    }

    /// Sets the arrays that depend on all steps so far.
    func record(_ arrays: [MLXArray]) { latest = arrays }

    /// Returns the result of the pass, evaluated.
    func finish(_ result: MLXArray) throws -> MLXArray {
        latest = [result]
        try evaluate()
        return result
    }

    private func evaluate() throws {
        try Task.checkCancellation()
        try Backend.evaluate(latest)
        done += pending
        pending = 0
        progress?(min(1, Double(done) / Double(total)))
    }
}

/// Returns a function's results for consecutive rows as one array; its temporaries do not grow with the count.
///
/// - Parameters:
///   - count: rows in all.
///   - budget: of the pass.
///   - work: quarters of a patch-layer that one row costs.
///   - step: rows at a time.
///   - function: makes `[rows, ...]` from a range of rows.
func mapRows(
    _ count: Int, _ budget: EvaluationBudget, work: Int = 0, step: Int = TowerMemory.rows,
    _ function: (Range<Int>) throws -> MLXArray
) throws -> MLXArray {
    guard count > step else {
        try budget.reserve(count * work)
        let whole = try function(0..<count)
        budget.record([whole])
        return whole
    }
    var out: MLXArray?
    for first in stride(from: 0, to: count, by: step) {
        let rows = first..<min(first + step, count)
        try budget.reserve(rows.count * work)
        let part = try function(rows)
        let whole = out ?? MLXArray.zeros([count] + part.shape.dropFirst(), dtype: part.dtype)
        whole[rows] = part
        budget.record([whole])
        out = whole
    }
    return out ?? MLXArray.zeros([0])
}
