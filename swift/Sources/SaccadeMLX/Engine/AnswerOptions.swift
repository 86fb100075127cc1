import Saccade

/// Options of one question.
public struct AnswerOptions: Sendable {
    /// Maximum tokens of the answer, at least 1; a longer one is cut off.
    public var maxTokens: Int
    /// The rules by which tokens are chosen.
    public var sampling: Sampling
    /// Strings at which the answer ends; they are not part of it.
    public var stops: [String]
    /// Maximum visual tokens of each image without a budget of its own; nil for 1,280, or the checkpoint's own cap.
    public var budget: ImageBudget?
    /// Called with each stage and the share of it that is done, 0 to 1.
    public var progress: (@Sendable (AnswerStage, Double) -> Void)?

    /// Creates options; the defaults take the most likely token, and at most 256 of them.
    public init(
        maxTokens: Int = 256, sampling: Sampling = .greedy, stops: [String] = [], budget: ImageBudget? = nil,
        progress: (@Sendable (AnswerStage, Double) -> Void)? = nil
    ) {
        self.maxTokens = maxTokens
        self.sampling = sampling
        self.stops = stops
        self.budget = budget
        self.progress = progress
    }

    /// Checks the values.
    ///
    /// - Throws: `ModelError.input` for a value outside its range.
    func check() throws {
        guard (1...1_000_000_000).contains(maxTokens) else {
            throw ModelError.input("maxTokens: expected 1 to 1000000000; got \(maxTokens)")
        }
        guard stops.allSatisfy({ !$0.isEmpty }) else {
            throw ModelError.input("stops: expected strings that are not empty")
        }
        try sampling.check()
    }
}

/// A stage of a question.
public enum AnswerStage: String, Sendable, CaseIterable {
    /// Resizing images and cutting them into patches.
    case patches
    /// Patches through the vision tower.
    case vision
    /// The prompt through the language model.
    case prefill
    /// The tokens of the answer.
    case answer
}
