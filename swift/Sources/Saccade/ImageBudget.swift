/// The upper limit on the visual tokens of an image.
///
/// An integer literal is a number of tokens: `ImagePlan(size: size, budget: 1280)`.
public enum ImageBudget: Hashable, Sendable {
    /// At most this many visual tokens.
    case tokens(Int)
    /// A resized image of at most this many pixels.
    case pixels(Int)
    /// The limits of the checkpoint, or of its family's checkpoints.
    case checkpoint
    /// The limits of another runtime, such as "ollama@0.13.3"; without a version its newest known one.
    case runtime(String)

    /// Reads a budget as the command line takes it: "1280", "1003520px", "checkpoint", "ollama@0.13.3".
    ///
    /// - Throws: `SaccadeError.input` if the text is none of these.
    public init(_ text: String) throws(SaccadeError) {
        let isPixels = text.hasSuffix("px")
        let digits = isPixels ? text.dropLast(2) : text[...]
        if text == "checkpoint" {
            self = .checkpoint
        } else if !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }) {
            guard let number = Int(digits), 1...largestArea ~= number else {
                throw .input("budget: expected \(Self.forms), from 1 to \(largestArea); got \(brief(text))")
            }
            self = isPixels ? .pixels(number) : .tokens(number)
        } else if RuntimeLimits.names.contains(String(text.prefix { $0 != "@" }).lowercased()) {
            self = .runtime(text)
        } else {
            throw .input(
                "budget: expected \(Self.forms); got \(brief(text)). Known runtimes: "
                    + RuntimeLimits.names.joined(separator: ", "))
        }
    }

    static let forms = "tokens (1280), pixels (\"1003520px\"), \"checkpoint\" or a runtime (\"ollama@0.13.3\")"
}

extension ImageBudget: ExpressibleByIntegerLiteral {
    /// Creates a budget of tokens.
    public init(integerLiteral value: Int) { self = .tokens(value) }
}
