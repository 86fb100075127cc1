import CSaccade
import Foundation

/// What the core refuses or fails at. The message is one line: which argument, what is wrong, what would be right.
public enum SaccadeError: Error, Equatable, LocalizedError {
    /// An argument that cannot be used.
    case input(String)
    /// Working memory could not be had.
    case memory(String)
    /// A fault of the library.
    case fault(String)

    public var errorDescription: String? {
        switch self {
        case .input(let message), .memory(let message), .fault(let message): return message
        }
    }
}

/// Throws the error that fits a status of the core, with this thread's message.
func check(_ status: Int32) throws {
    guard status != SACCADE_OK else { return }
    let message = String(cString: saccade_last_message())
    switch status {
    case SACCADE_ERROR_INPUT: throw SaccadeError.input(message)
    case SACCADE_ERROR_MEMORY: throw SaccadeError.memory(message)
    default: throw SaccadeError.fault(message)
    }
}
