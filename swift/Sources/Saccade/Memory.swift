import Foundation

/// Returns an array of zeros.
///
/// - Throws: `SaccadeError.memory` if the system refuses the allocation.
func zeros<Element: Numeric>(_ count: Int) throws(SaccadeError) -> [Element] {
    try requireMemory(count, Element.self)
    return [Element](repeating: 0, count: count)
}

/// Returns an array that a function fills, without writing it twice.
///
/// - Parameters:
///   - count: of the elements.
///   - fill: writes all elements of the memory it gets, or throws.
/// - Throws: `SaccadeError.memory` if the system refuses the allocation, or what the function throws.
func filled<Element: Numeric>(
    _ count: Int, _ fill: (UnsafeMutableBufferPointer<Element>) throws(SaccadeError) -> Void
) throws(SaccadeError) -> [Element] {
    try requireMemory(count, Element.self)
    var failure: SaccadeError?
    let elements = [Element](unsafeUninitializedCapacity: count) { memory, initializedCount in
        do throws(SaccadeError) {
            try fill(UnsafeMutableBufferPointer(rebasing: memory[..<count]))
            initializedCount = count
        } catch {
            failure = error
        }
    }
    if let failure { throw failure }
    return elements
}

/// Tries an allocation, because Swift ends the process if an array does not fit into memory.
private func requireMemory<Element>(_ count: Int, _ type: Element.Type) throws(SaccadeError) {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflow, let probe = allocate(max(bytes, 1)) else {
        throw .memory("out of memory: \(count) elements of \(MemoryLayout<Element>.stride) bytes do not fit")
    }
    release(probe)
}

// Two functions of their own, because the optimizer leaves out an allocation that it sees freed unused.
@inline(never)
private func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? { malloc(bytes) }

@inline(never)
private func release(_ memory: UnsafeMutableRawPointer) { free(memory) }
