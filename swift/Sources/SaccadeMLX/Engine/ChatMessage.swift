import Saccade

/// A message of a conversation: texts and images in their order.
public struct ChatMessage: Sendable {
    /// Who speaks.
    public enum Role: String, Sendable, CaseIterable {
        case system
        case user
        case assistant
    }

    /// A part of a message.
    public enum Part: Sendable {
        /// Words. A special token in them stays text.
        case text(String)
        /// An image, or a region of it, with its own budget; nil for that of the request.
        case image(ImageBuffer, region: ImageCrop? = nil, budget: ImageBudget? = nil)
    }

    /// Who speaks.
    public var role: Role
    /// What is said and shown, in order.
    public var parts: [Part]

    /// Creates a message.
    public init(_ role: Role, _ parts: [Part]) {
        self.role = role
        self.parts = parts
    }

    /// Creates a message of words alone.
    public init(_ role: Role, _ text: String) { self.init(role, [.text(text)]) }
}
