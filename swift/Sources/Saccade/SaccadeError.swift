import CSaccade
import Foundation

/// An error of the core. Its message is one line: "<argument>: expected X; got Y. <what to do>".
public enum SaccadeError: Error, Equatable, LocalizedError {
    /// An argument is invalid.
    case input(String)
    /// Out of memory for working buffers.
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
func check(_ status: Int32) throws {
    guard status != SACCADE_OK else { return }
    let message = String(cString: saccade_last_message())
    switch status {
    case SACCADE_ERROR_INPUT: throw SaccadeError.input(message)
    case SACCADE_ERROR_MEMORY: throw SaccadeError.memory(message)
    default: throw SaccadeError.fault(message)
    }
}
