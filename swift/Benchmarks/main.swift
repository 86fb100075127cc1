// Times plan and patches of one frame, for `make bench TABLES=benchmarks/test_swift.py`, which compares with Python.
//
//     saccade-benchmark FRAME WIDTH HEIGHT BUDGET ROUNDS [OUT]
//
// FRAME has BGRA pixels without padding; OUT gets the patches. Prints the milliseconds of each round, one a line: into
// an array of its own, then into memory of the caller.
import Foundation
import Saccade

func milliseconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    return Double(seconds) * 1e3 + Double(attoseconds) / 1e15
}

func run(_ arguments: [String]) throws {
    let numbers = arguments.dropFirst().prefix(4).compactMap { Int($0) }
    guard arguments.count == 5 || arguments.count == 6, numbers.count == 4, numbers[3] > 0 else {
        throw SaccadeError.input("expected FRAME WIDTH HEIGHT BUDGET ROUNDS [OUT]; got \(arguments.count) arguments")
    }
    let size = PixelSize(width: numbers[0], height: numbers[1])
    let frame = try ImageBuffer(
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: arguments[0]))), size: size, format: .bgra)
    let budget = ImageBudget.tokens(numbers[2])
    var patches: [UInt8] = []
    try frame.withPixels { pixels throws(SaccadeError) in
        patches = try nativePatches([pixels], plans: [try ImagePlan(size: size, budget: budget)])
    }
    for _ in 0..<numbers[3] {
        let own = try milliseconds {
            try frame.withPixels { pixels throws(SaccadeError) in
                _ = try nativePatches([pixels], plans: [try ImagePlan(size: size, budget: budget)])
            }
        }
        let given = try milliseconds {
            try frame.withPixels { pixels throws(SaccadeError) in
                try patches.withUnsafeMutableBufferPointer { output throws(SaccadeError) in
                    try nativePatches([pixels], plans: [try ImagePlan(size: size, budget: budget)], into: output)
                }
            }
        }
        print(own, given)
    }
    if arguments.count == 6 { try Data(patches).write(to: URL(fileURLWithPath: arguments[5])) }
}

do {
    try run(Array(CommandLine.arguments.dropFirst()))
} catch {
    FileHandle.standardError.write(Data("saccade-benchmark: \(error.localizedDescription)\n".utf8))
    exit(2)
}
