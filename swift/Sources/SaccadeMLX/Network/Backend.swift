import MLX

/// The door to MLX: its device, and its errors as Swift errors.
///
/// An error of MLX outside `withError` ends the process, so every operation runs inside `run`. MLX reports an error at
/// the end of such a block, while the code in between goes on with empty arrays; `evaluate` reports it at once.
enum Backend {
    /// The device: the GPU on Apple platforms, else the CPU. MLX itself may choose a GPU where there is none.
    static var device: Device {
        #if canImport(Metal)
            Device.gpu
        #else
            Device.cpu
        #endif
    }

    /// True if operations run on a GPU.
    static var isGPU: Bool { Device.defaultDevice().deviceType == .gpu }

    /// Runs operations of MLX on `device`.
    ///
    /// - Throws: `ModelError.backend` for an error of MLX, and the errors of the body.
    static func run<Result>(_ body: () throws -> Result) throws -> Result {
        try Device.withDefaultDevice(device) {
            do {
                return try withError { try body() }
            } catch let error as MLXError {
                throw translated(error)
            }
        }
    }

    /// Computes arrays now.
    ///
    /// - Throws: `ModelError.backend` for an error of MLX.
    static func evaluate(_ arrays: [MLXArray]) throws {
        do {
            try checkedEval(arrays)
        } catch let error as MLXError {
            throw translated(error)
        }
    }

    private static func translated(_ error: MLXError) -> ModelError {
        .backend("MLX: \(error.errorDescription ?? "unknown error")")
    }
}
