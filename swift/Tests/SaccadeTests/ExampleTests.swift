import Saccade
import XCTest

/// The example of docs/swift.md, line by line.
// example
func look(at capture: UnsafeRawBufferPointer, width: Int, height: Int, stride: Int) throws -> ([UInt8], ImagePlan) {
    let size = PixelSize(width: width, height: height)
    let plan = try ImagePlan(size: size, family: .qwen25VL, budget: 1280)
    let pixels = try ImagePixels(bytes: capture, size: size, stride: stride, format: .bgra)
    return (try nativePatches([pixels], plans: [plan]), plan)  // uint8 [plan.patches, 588], for the vision tower
}

func click(_ answer: String, _ plan: ImagePlan) -> PixelPoint? {
    GroundedText(answer, plan: plan).click  // in the capture's pixels
}
// end of the example

final class ExampleTests: XCTestCase {
    func testTheExample() throws {
        let row = [UInt8](repeating: 7, count: 4 * 3840 + 64)
        let capture = Array(repeating: row, count: 2160).flatMap { $0 }
        let (patches, plan) = try capture.withUnsafeBytes {
            try look(at: $0, width: 3840, height: 2160, stride: row.count)
        }
        XCTAssertEqual(patches, [UInt8](repeating: 7, count: 4888 * 588))
        let middle = try XCTUnwrap(click("[{\"bbox_2d\": [0, 0, 1316, 728]}]", plan))
        XCTAssertEqual(middle.x, 1920, accuracy: 1e-9)
        XCTAssertEqual(middle.y, 1080, accuracy: 1e-9)
    }
}
