import Foundation

/// Returns an array of zeros.
///
/// Swift ends the process if an array does not fit into memory, so the allocation is tried first.
///
/// - Throws: `SaccadeError.memory` if the system refuses the allocation.
func zeros<Element: Numeric>(_ count: Int) throws(SaccadeError) -> [Element] {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflow, let probe = malloc(max(bytes, 1)) else {
        throw .memory("out of memory: \(count) elements of \(MemoryLayout<Element>.stride) bytes do not fit")
    }
    free(probe)
    return [Element](repeating: 0, count: count)
}
