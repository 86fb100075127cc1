import Foundation
import XCTest

@testable import Saccade

/// Asserts that a call throws an error of input whose one line has `part`.
func assertInput<Result>(
    _ part: String, file: StaticString = #filePath, line: UInt = #line, _ call: () throws -> Result
) {
    XCTAssertThrowsError(try call(), file: file, line: line) { error in
        guard case SaccadeError.input(let message) = error else { return XCTFail("\(error)", file: file, line: line) }
        XCTAssertTrue(part.isEmpty || message.contains(part), message, file: file, line: line)
        XCTAssertFalse(message.contains("\n"), message, file: file, line: line)
        XCTAssertEqual(error.localizedDescription, message, file: file, line: line)
    }
}

/// Input that nobody should give. Each is an error of one line, and none ends the process.
final class InputTests: XCTestCase {
    let screen = PixelSize(width: 3840, height: 2160)

    func testSmartResizeOfImpossibleSizesThrows() {
        assertInput("height: expected 1 to 67108864; got 0") { try smartResize(PixelSize(width: 5, height: 0)) }
        assertInput("at most 200; got 601x3") { try smartResize(PixelSize(width: 601, height: 3)) }
        for side in [Int.min, -1, 0, Int.max] {
            assertInput("expected") { try smartResize(PixelSize(width: side, height: 7)) }
            assertInput("expected") { try smartResize(PixelSize(width: 7, height: side)) }
            assertInput("expected") { try smartResize(screen, factor: side) }
        }
        assertInput("maxPixels") { try smartResize(screen, maxPixels: Int.min) }
        assertInput("minPixels") { try smartResize(screen, minPixels: Int.max) }
    }

    func testGridsThatAreNoneThrow() {
        assertInput("grids: expected at least 1 entry; got 0") { try windowIndex([]) }
        assertInput("grids: expected at least 1 entry; got 0") { try visionPositions([]) }
        assertInput("grids[0]: expected rows and columns divisible by mergeSize 2; got (1, 3, 4)") {
            try windowIndex([PatchGrid(rows: 3, columns: 4)])
        }
        assertInput("windowSize: expected at least mergeSize 2 x patchSize 14 = 28 pixels; got 20") {
            try windowIndex([PatchGrid(rows: 4, columns: 4)], windowSize: 20)
        }
        for extent in [Int.min, -2, 0, Int.max, Int.max - 1] {
            for grid in [
                PatchGrid(frames: extent, rows: 2, columns: 2), PatchGrid(rows: extent, columns: 2),
                PatchGrid(rows: 2, columns: extent), PatchGrid(frames: extent, rows: extent, columns: extent),
            ] {
                assertInput("grids") { try windowIndex([grid]) }
                assertInput("grids") { try visionPositions([grid]) }
            }
            let grid = PatchGrid(rows: 4, columns: 4)
            assertInput("expected") { try windowIndex([grid], mergeSize: extent) }
            assertInput("expected") { try windowIndex([grid], windowSize: extent) }
            assertInput("expected") { try windowIndex([grid], patchSize: extent) }
            assertInput("expected") { try visionPositions([grid], mergeSize: extent) }
        }
    }

    func testPromptsThatDoNotMatchTheirGridsThrow() {
        let ids = VisionTokenIDs(image: 5, video: 6, visionStart: 7)
        let grid = PatchGrid(rows: 2, columns: 4)
        assertInput("inputIDs: expected 1 to") { try mropePositions([], tokenIDs: ids) }
        assertInput("got 3") { try mropePositions([1, 5, 5, 5], tokenIDs: ids, imageGrids: [grid]) }
        assertInput("got another run") { try mropePositions([1, 5, 5], tokenIDs: ids) }
        assertInput("imageGrids: expected one grid per run") {
            try mropePositions([1, 2], tokenIDs: ids, imageGrids: [grid])
        }
        assertInput("three different ids") {
            try mropePositions([1], tokenIDs: VisionTokenIDs(image: 5, video: 5, visionStart: 5))
        }
        for number in [Int.min, -1, 0, Int.max] {
            assertInput("mergeSize: expected") { try mropePositions([1], tokenIDs: ids, mergeSize: number) }
            assertInput("tokensPerSecond: expected") { try mropePositions([1], tokenIDs: ids, tokensPerSecond: number) }
        }
        for seconds in [-1, Double.nan, .infinity, 1e300] {
            assertInput("secondsPerGrid[0]: expected") {
                try mropePositions([6, 6], tokenIDs: ids, videoGrids: [grid], secondsPerGrid: [seconds])
            }
        }
        assertInput("one value per video grid") {
            try mropePositions([6, 6], tokenIDs: ids, videoGrids: [grid], secondsPerGrid: [1, 1])
        }
    }

    func testFamiliesThatCannotBeThrow() {
        func family(
            patch: Int = 14, merge: Int = 2, frames: Int = 2, window: Int? = nil, pixels: (Int, Int) = (1, 2),
            mean: [Double] = [0, 0, 0], std: [Double] = [1, 1, 1]
        ) throws -> ModelFamily {
            try ModelFamily(
                name: "own", patchSize: patch, mergeSize: merge, temporalPatchSize: frames, windowSize: window,
                minPixels: pixels.0, maxPixels: pixels.1, mean: mean, std: std, convention: .absolute)
        }
        XCTAssertNoThrow(try family())
        for number in [Int.min, -1, 0, 4097, Int.max] {
            assertInput("patchSize") { try family(patch: number) }
            assertInput("mergeSize") { try family(merge: number) }
            assertInput("temporalPatchSize") { try family(frames: number) }
        }
        for window in [Int.min, 0, 27, Int.max] { assertInput("windowSize") { try family(window: window) } }
        for pixels in [(0, 5), (6, 5), (Int.min, Int.max), (1, Int.max)] {
            assertInput("minPixels, maxPixels") { try family(pixels: pixels) }
        }
        assertInput("mean") { try family(mean: []) }
        assertInput("mean") { try family(mean: [0, 0, .nan]) }
        assertInput("std") { try family(std: [1, 0, 1]) }
        assertInput("std") { try family(std: [1, 1, 1, 1]) }
        assertInput("expected one of qwen2-vl, qwen2.5-vl") { try ModelFamily.named("qwen7\n-vl") }
    }

    func testBudgetsThatCannotBeKeptThrow() {
        for tokens in [Int.min, -1, 0, Int.max] {
            assertInput("budget: expected 1 to") { try ImagePlan(size: screen, budget: .tokens(tokens)) }
            assertInput("budget: expected 1 to") { try ImagePlan(size: screen, budget: .pixels(tokens)) }
            assertInput("minTokens: expected 1 to") { try ImagePlan(size: screen, minTokens: tokens) }
            assertInput("minPixels, maxPixels") { try ImagePlan(size: screen, minPixels: tokens, maxPixels: 0) }
        }
        assertInput("minTokens: expected at most the budget, 8 tokens; got 9") {
            try ImagePlan(size: screen, budget: 8, minTokens: 9)
        }
        assertInput("minTokens: expected at most the budget, 1280 tokens (default); got 1281") {
            try ImagePlan(size: screen, minTokens: 1281)
        }
        assertInput("checkpointPixels") { try ImagePlan(size: screen, checkpointPixels: 0...5) }
        assertInput("the smallest budget that holds it is 165 tokens") {
            try ImagePlan(size: PixelSize(width: 5000, height: 30), budget: 4)
        }
        assertInput("patches") {
            try ImagePlan(size: PixelSize(width: 1 << 26, height: 1 << 26), family: .qwen3VL, budget: .tokens(1 << 34))
        }
    }

    func testBudgetsInWords() throws {
        XCTAssertEqual(try ImageBudget("1280"), 1280)
        XCTAssertEqual(try ImageBudget("1003520px"), .pixels(1_003_520))
        XCTAssertEqual(try ImageBudget("checkpoint"), .checkpoint)
        XCTAssertEqual(try ImageBudget("Ollama@0.13.3"), .runtime("Ollama@0.13.3"))
        for text in ["", "0", "-5", "1_280", "1280 px", "px", "5tokens", "99999999999999999999", "nobody", "@1", "１２"] {
            assertInput("budget: expected") { try ImageBudget(text) }
        }
    }

    func testViewsOfTooLittleMemoryThrow() throws {
        let memory = [UInt8](repeating: 0, count: 4 * 90 * 60)
        try memory.withUnsafeBytes { bytes throws in
            let size = PixelSize(width: 90, height: 60)
            XCTAssertNoThrow(try ImagePixels(bytes: bytes, size: size, format: .bgra))
            let few = UnsafeRawBufferPointer(rebasing: bytes.dropLast())
            assertInput("bytes: expected 60 rows") { try ImagePixels(bytes: few, size: size, format: .bgra) }
            assertInput("bytes") { try ImagePixels(bytes: bytes, size: size, stride: 361, format: .bgra) }
            assertInput("bytes") {
                try ImagePixels(bytes: UnsafeRawBufferPointer(start: nil, count: 0), size: size, format: .grey)
            }
            for stride in [Int.min, -1, 0, 359] {
                assertInput("stride") { try ImagePixels(bytes: bytes, size: size, stride: stride, format: .bgra) }
            }
            assertInput("bytes") { try ImagePixels(bytes: bytes, size: size, stride: .max, format: .bgra) }
            for side in [Int.min, -1, 0, Int.max] {
                assertInput("size") {
                    try ImagePixels(bytes: bytes, size: PixelSize(width: side, height: 1), format: .grey)
                }
                assertInput("size") {
                    try ImagePixels(bytes: bytes, size: PixelSize(width: 1, height: side), format: .grey)
                }
            }
        }
    }

    func testASinglePixelIsAnImage() throws {
        let size = PixelSize(width: 1, height: 1)
        let plan = try ImagePlan(size: size)
        XCTAssertEqual(plan.tokens, 4)
        let patches = try [UInt8](arrayLiteral: 1, 2, 3).withUnsafeBytes {
            try nativePatches([ImagePixels(bytes: $0, size: size, format: .rgb)], plans: [plan])
        }
        XCTAssertEqual(patches.count, 16 * 588)
        XCTAssertEqual(patches, (0..<16).flatMap { _ in (1...3).flatMap { [UInt8](repeating: UInt8($0), count: 196) } })
    }

    func testPatchesThatDoNotFitIntoMemoryThrow() throws {
        let size = PixelSize(width: 1 << 19, height: 1 << 19)
        let plan = try ImagePlan(size: size, family: .qwen3VL, budget: .tokens(1 << 28))
        XCTAssertGreaterThan(plan.patches, 1 << 29)
        // All rows are the same one, so that the view needs no memory of its own.
        let one = PixelSize(width: 1, height: 1)
        try [UInt8](arrayLiteral: 0, 0, 0).withUnsafeBytes { bytes in
            let image = try ImagePixels(bytes: bytes, size: one, format: .rgb)
            assertInput("images[0]: expected the planned size") { try nativePatches([image], plans: [plan]) }
            XCTAssertThrowsError(try resize(image, to: PixelSize(width: 1 << 26, height: 1 << 26))) { error in
                guard case SaccadeError.memory = error else { return XCTFail("\(error)") }
            }
        }
    }
}
