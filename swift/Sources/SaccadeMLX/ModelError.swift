import Foundation

/// An error of the models. Its message is one line: "<where>: expected X; got Y. <what to do>".
public enum ModelError: Error, Equatable, LocalizedError {
    /// An argument or a file is not what was expected.
    case input(String)
    /// A file or folder is missing.
    case missingFile(String)
    /// A request would take more memory than is allowed.
    case memory(String)
    /// MLX reported an error.
    case backend(String)

    /// The message.
    public var errorDescription: String? {
        switch self {
        case .input(let message), .missingFile(let message), .memory(let message), .backend(let message):
            return message
        }
    }
}

/// Returns a value for a message, on one line and at most 120 characters long.
func brief(_ value: Any?) -> String {
    guard let value else { return "null" }
    let text = String(String(describing: value).prefix(400)).split(whereSeparator: \.isNewline).joined(separator: " ")
    return text.count <= 120 ? text : text.prefix(117) + "..."
}
