/// The seconds of each stage of a question.
struct StageClock {
    private(set) var seconds: [AnswerStage: Double] = [:]

    /// Runs a function and adds its time to a stage.
    mutating func time<Result>(_ stage: AnswerStage, _ body: () throws -> Result) rethrows -> Result {
        let clock = ContinuousClock()
        let start = clock.now
        defer {
            let taken = clock.now - start
            let parts = taken.components
            seconds[stage, default: 0] += Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
        }
        return try body()
    }
}
