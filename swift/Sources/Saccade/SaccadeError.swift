import CSaccade
import Foundation

/// An error of the core. Its message is one line: "<argument>: expected X; got Y. <what to do>".
public enum SaccadeError: Error, Equatable, LocalizedError {
    /// An argument is invalid.
    case input(String)
    /// Out of memory.
    case memory(String)
    /// A bug in the library.
    case fault(String)

    /// The message.
    public var errorDescription: String? {
        switch self {
        case .input(let message), .memory(let message), .fault(let message): return message
        }
    }
}

/// Throws the error for a status of the core, with this thread's message, unless it is SACCADE_OK.
func check(_ status: Int32) throws(SaccadeError) {
    guard status != SACCADE_OK else { return }
    let message = camelCased(String(cString: saccade_last_message()))
    switch status {
    case SACCADE_ERROR_INPUT: throw SaccadeError.input(message)
    case SACCADE_ERROR_MEMORY: throw SaccadeError.memory(message)
    default: throw SaccadeError.fault(message)
    }
}

/// Returns a message of the core with Swift's names of arguments: `image_token_id` becomes `imageTokenID`.
private func camelCased(_ message: String) -> String {
    var result = ""
    for (i, part) in message.split(separator: "_", omittingEmptySubsequences: false).enumerated() {
        if i == 0 {
            result = String(part)
        } else if part.hasPrefix("id"), !(part.dropFirst(2).first?.isLetter ?? false) || part.hasPrefix("ids") {
            result += "ID" + part.dropFirst(2)
        } else {
            result += part.prefix(1).uppercased() + part.dropFirst()
        }
    }
    return result
}
