import Foundation

#if os(iOS)
    import os
#endif

/// Options of loading a checkpoint.
public struct LoadOptions: Sendable {
    /// Precision of the computation.
    public var precision: Precision
    /// Most bytes that weights and a request may take, as MLX counts them; a request above it is refused. The default is
    /// `availableMemory`.
    public var memoryLimit: Int
    /// Most bytes of cached images; 0 caches none.
    public var cacheLimit: Int

    /// Creates options.
    public init(
        precision: Precision = .automatic, memoryLimit: Int = LoadOptions.availableMemory,
        cacheLimit: Int = 256 << 20
    ) {
        self.precision = precision
        self.memoryLimit = memoryLimit
        self.cacheLimit = cacheLimit
    }

    /// Bytes that this process may take: on iOS what the system still grants it, elsewhere the machine's memory.
    public static var availableMemory: Int {
        let machine = Int(ProcessInfo.processInfo.physicalMemory)
        #if os(iOS)
            let granted = Int(os_proc_available_memory())  // 0 where the system sets no limit
            return granted > 0 ? granted : machine
        #else
            return machine
        #endif
    }
}
