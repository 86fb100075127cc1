import Saccade

/// The answer to a question, the images as the model read them, and the costs.
public struct Answer: Sendable {
    /// Why an answer ended.
    public enum Finish: Hashable, Sendable {
        /// An end token.
        case end
        /// The limit on its tokens.
        case length
        /// A stop string.
        case stop(String)
    }

    /// Numbers of tokens.
    public struct Usage: Hashable, Sendable {
        /// Tokens of the prompt, images included.
        public var prompt = 0
        /// Visual tokens of all images.
        public var image = 0
        /// Tokens of the answer, an end token included.
        public var answer = 0
        /// Images whose features were cached.
        public var cachedImages = 0
    }

    /// The model's words.
    public let text: String
    /// Tokens of the answer, an end token included.
    public let tokens: [Int]
    /// The plan of each image, in order.
    public let plans: [ImagePlan]
    /// Numbers of tokens.
    public let usage: Usage
    /// Seconds of each stage.
    public let seconds: [AnswerStage: Double]
    /// Why the answer ended.
    public let finish: Finish

    /// Boxes, points and actions in pixels of the image, if there is exactly one; else nil.
    public var grounding: GroundedText? { plans.count == 1 ? GroundedText(text, plan: plans[0]) : nil }
}

/// A part of an answer on its way.
public enum AnswerEvent: Sendable {
    /// Words that follow those before.
    case text(String)
    /// The whole answer, the last event.
    case answer(Answer)
}
