import Foundation
import XCTest

@testable import Saccade

final class PlanTests: XCTestCase {
    let screen = Size(width: 3840, height: 2160)

    func testDefaultBudgetIs1280Tokens() throws {
        let plan = try Plan(size: screen)
        XCTAssertEqual(plan.resizedSize, Size(width: 1316, height: 728))
        XCTAssertEqual(plan.grid, Grid(rows: 52, columns: 94))
        XCTAssertEqual(plan.patches, 4888)
        XCTAssertEqual(plan.tokens, 1222)
        XCTAssertEqual(plan.windows, 7 * 12)
        XCTAssertEqual(plan.maxPixels, 1_003_520)
    }

    func testWindowsAreThoseOfTheirOrder() throws {
        for (width, height) in [(3840, 2160), (28, 28), (113, 900), (112, 112), (4000, 30)] {
            let plan = try Plan(size: Size(width: width, height: height), maxTokens: 4096)
            XCTAssertEqual(plan.windows, try windowIndex([plan.grid]).boundaries.count - 1, "\(plan.grid)")
        }
    }

    func testFamiliesDifferInFactorAndWindows() throws {
        let plan = try Plan(size: screen, family: .qwen3VL, maxTokens: 1280)
        XCTAssertEqual(plan.resizedSize.width % 32, 0)
        XCTAssertEqual(plan.windows, 0)
        XCTAssertLessThanOrEqual(plan.tokens, 1280)
        XCTAssertEqual(try Plan(size: screen, family: .qwen2VL).resizedSize, try Plan(size: screen).resizedSize)
    }

    func testThereAndBack() throws {
        let plan = try Plan(size: screen)
        XCTAssertEqual(plan.scale, Point(x: 3840.0 / 1316.0, y: 2160.0 / 728.0))
        let corner = plan.toSource(Point(x: 1316, y: 728))
        XCTAssertEqual(corner.x, 3840, accuracy: 1e-9)
        XCTAssertEqual(corner.y, 2160, accuracy: 1e-9)
        let box = Box(x1: 10, y1: 20, x2: 300.5, y2: 400)
        let back = plan.toModel(plan.toSource(box))
        for (a, b) in [(back.x1, box.x1), (back.y1, box.y1), (back.x2, box.x2), (back.y2, box.y2)] {
            XCTAssertEqual(a, b, accuracy: 1e-9)
        }
        XCTAssertEqual(plan.toModel(Point(x: 3840, y: 0)).x, 1316, accuracy: 1e-9)
    }

    func assertInput(_ part: String, _ call: () throws -> Void, line: UInt = #line) {
        XCTAssertThrowsError(try call(), line: line) { error in
            guard case SaccadeError.input(let message) = error else { return XCTFail("\(error)", line: line) }
            XCTAssertTrue(message.contains(part), message, line: line)
            XCTAssertFalse(message.contains("\n"), message, line: line)
            XCTAssertEqual(error.localizedDescription, message, line: line)
        }
    }

    func testErrorsAreTypedAndSayWhat() {
        assertInput("height: expected 1 to 67108864; got 0") { _ = try smartResize(height: 0, width: 5) }
        assertInput("at most 200; got 601x3") { _ = try smartResize(height: 3, width: 601) }
        assertInput("grids: expected at least 1 entry; got 0") { _ = try windowIndex([]) }
        assertInput("grids[0]: expected rows and columns divisible by merge_size 2; got (1, 3, 4)") {
            _ = try windowIndex([Grid(rows: 3, columns: 4)])
        }
        assertInput("window_size: expected at least merge_size 2 x patch_size 14 = 28 pixels; got 20") {
            _ = try windowIndex([Grid(rows: 4, columns: 4)], windowSize: 20)
        }
        assertInput("expected 1 <= minTokens <= maxTokens; got 9 and 8") {
            _ = try Plan(size: screen, maxTokens: 8, minTokens: 9)
        }
        assertInput("expected 1 <= minTokens <= maxTokens; got 4 and -1") { _ = try Plan(size: screen, maxTokens: -1) }
        assertInput("expected a resized area from 1 to 3136 pixels; got ") {
            _ = try Plan(size: Size(width: 5000, height: 30), maxTokens: 4)
        }
    }

    func testVersionIsTheHeaders() throws {
        let header = try String(contentsOf: repository.appendingPathComponent("cpp/include/saccade.h"), encoding: .utf8)
        XCTAssertTrue(header.contains("#define SACCADE_VERSION \"\(version)\"\n"), version)
    }
}
