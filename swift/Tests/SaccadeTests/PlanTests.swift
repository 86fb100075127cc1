import Foundation
import XCTest

@testable import Saccade

final class PlanTests: XCTestCase {
    let screen = PixelSize(width: 3840, height: 2160)

    func testDefaultBudgetIs1280Tokens() throws {
        let plan = try ImagePlan(size: screen)
        XCTAssertEqual(plan.resizedSize, PixelSize(width: 1316, height: 728))
        XCTAssertEqual(plan.grid, PatchGrid(rows: 52, columns: 94))
        XCTAssertEqual(plan.patches, 4888)
        XCTAssertEqual(plan.tokens, 1222)
        XCTAssertEqual(plan.windows, 7 * 12)
        XCTAssertEqual(plan.maxPixels, 1_003_520)
    }

    func testWindowsAreThoseOfTheirOrder() throws {
        for (width, height) in [(3840, 2160), (28, 28), (113, 900), (112, 112), (4000, 30)] {
            let plan = try ImagePlan(size: PixelSize(width: width, height: height), budget: 4096)
            XCTAssertEqual(plan.windows, try windowIndex([plan.grid]).boundaries.count - 1, "\(plan.grid)")
        }
    }

    func testFamiliesDifferInFactorAndWindows() throws {
        let plan = try ImagePlan(size: screen, family: .qwen3VL, budget: 1280)
        XCTAssertEqual(plan.resizedSize.width % 32, 0)
        XCTAssertEqual(plan.windows, 0)
        XCTAssertLessThanOrEqual(plan.tokens, 1280)
        XCTAssertEqual(
            try ImagePlan(size: screen, family: .qwen2VL).resizedSize, try ImagePlan(size: screen).resizedSize)
    }

    func testThereAndBack() throws {
        let plan = try ImagePlan(size: screen)
        XCTAssertEqual(plan.scale, PixelScale(x: 3840.0 / 1316.0, y: 2160.0 / 728.0))
        let corner = plan.toSource(PixelPoint(x: 1316, y: 728))
        XCTAssertEqual(corner.x, 3840, accuracy: 1e-9)
        XCTAssertEqual(corner.y, 2160, accuracy: 1e-9)
        let box = PixelBox(x1: 10, y1: 20, x2: 300.5, y2: 400)
        let back = plan.toModel(plan.toSource(box))
        for (a, b) in [(back.x1, box.x1), (back.y1, box.y1), (back.x2, box.x2), (back.y2, box.y2)] {
            XCTAssertEqual(a, b, accuracy: 1e-9)
        }
        XCTAssertEqual(plan.toModel(PixelPoint(x: 3840, y: 0)).x, 1316, accuracy: 1e-9)
    }

    func testVersionIsTheHeaders() throws {
        let header = try String(contentsOf: repository.appendingPathComponent("cpp/include/saccade.h"), encoding: .utf8)
        XCTAssertTrue(header.contains("#define SACCADE_VERSION \"\(version)\"\n"), version)
    }
}
