import Foundation
import XCTest

@testable import Saccade

/// Calls from several threads at once, which ThreadSanitizer watches in `make swift-tsan`.
final class ThreadsTests: XCTestCase {
    /// Results of several threads.
    final class Results<Value: Sendable>: @unchecked Sendable {
        private let lock = NSLock()
        private var values: [Value] = []
        func append(_ value: Value) { lock.withLock { values.append(value) } }
        var all: [Value] { lock.withLock { values } }
    }

    func testPatchesOfManyThreadsAreTheSame() throws {
        let size = PixelSize(width: 700, height: 500)
        let bytes = (0..<size.width * size.height * 4).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let image = try ImageBuffer(bytes, size: size, format: .bgra)
        let plan = try ImagePlan(size: size, budget: 256)
        let expected = try image.withPixels { pixels throws(SaccadeError) in try nativePatches([pixels], plans: [plan])
        }
        let results = Results<[UInt8]>()
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            let patches = try? image.withPixels { pixels throws(SaccadeError) in
                try nativePatches([pixels], plans: [plan])
            }
            results.append(patches ?? [])
        }
        XCTAssertEqual(results.all, Array(repeating: expected, count: 8))
    }

    func testErrorsBelongToTheirThreads() {
        let results = Results<Bool>()
        DispatchQueue.concurrentPerform(iterations: 64) { number in
            do throws(SaccadeError) {
                _ = try smartResize(PixelSize(width: 0, height: 5), factor: 28 + number)
            } catch {
                results.append(error == .input("width: expected 1 to 67108864; got 0"))
            }
        }
        XCTAssertEqual(results.all, Array(repeating: true, count: 64))
    }

    func testAnswersOfManyThreadsAreTheSame() throws {
        let plan = try ImagePlan(size: PixelSize(width: 1920, height: 1080))
        let text =
            "Click [{\"bbox_2d\": [10, 20, 30, 40], \"label\": \"x\"}] <box>(1,2),(3,4)</box> click(start_box='(5,6)')"
        let expected = GroundedText(text, plan: plan)
        let results = Results<GroundedText>()
        DispatchQueue.concurrentPerform(iterations: 8) { _ in results.append(GroundedText(text, plan: plan)) }
        XCTAssertEqual(results.all, Array(repeating: expected, count: 8))
    }
}
