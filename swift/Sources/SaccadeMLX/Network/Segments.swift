/// Neighboring attention segments of equal length: `count` of `length` patches each, from patch `start`.
struct SegmentRun: Equatable {
    let start: Int
    var count: Int
    let length: Int

    /// Its patches.
    var patches: Range<Int> { start..<(start + count * length) }

    /// Joins neighboring segments of equal length.
    static func join(_ lengths: [Int]) -> [SegmentRun] {
        var runs: [SegmentRun] = []
        var start = 0
        for length in lengths {
            if let last = runs.last, last.length == length {
                runs[runs.count - 1].count += 1
            } else {
                runs.append(SegmentRun(start: start, count: 1, length: length))
            }
            start += length
        }
        return runs
    }
}

/// The attention segments of one block, and what one query costs in each run, in quarters of a patch-layer.
struct Segments {
    let runs: [SegmentRun]
    let costs: [Int]

    /// Counts the costs. A query's scores and their products take 4 L D operations, the matrices of a block
    /// 2 (4 D^2 + 3 D I).
    init(_ runs: [SegmentRun], _ config: VisionConfig) {
        self.runs = runs
        let matrices = Double(4 * config.hiddenSize + 3 * config.intermediateSize)
        costs = runs.map { Int((Double(2 * EvaluationBudget.quarters * $0.length) / matrices).rounded()) }
    }

    /// Attention of all queries, in quarters of patch-layers.
    var work: Int { zip(runs, costs).reduce(0) { $0 + $1.0.count * $1.0.length * $1.1 } }
}
