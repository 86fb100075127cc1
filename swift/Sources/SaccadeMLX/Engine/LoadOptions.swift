import Foundation

/// Options of loading a checkpoint.
public struct LoadOptions: Sendable {
    /// Precision of the computation.
    public var precision: Precision
    /// Most bytes that weights and a request may take, as MLX counts them; a request above it is refused. The default is
    /// the machine's memory.
    public var memoryLimit: Int
    /// Most bytes of cached images; 0 caches none.
    public var cacheLimit: Int

    /// Creates options.
    public init(
        precision: Precision = .automatic, memoryLimit: Int = Int(ProcessInfo.processInfo.physicalMemory),
        cacheLimit: Int = 256 << 20
    ) {
        self.precision = precision
        self.memoryLimit = memoryLimit
        self.cacheLimit = cacheLimit
    }
}
