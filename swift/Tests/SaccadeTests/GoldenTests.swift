import Foundation
import XCTest

@testable import Saccade

let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// Reads a file of tests/golden/, which the Python tests also read. geometry.py writes them from the reference.
func golden<Content: Decodable>(_ name: String, as type: Content.Type) throws -> Content {
    let data = try Data(contentsOf: repository.appendingPathComponent("tests/golden/\(name)"))
    return try JSONDecoder().decode(type, from: data)
}

final class GoldenTests: XCTestCase {
    struct Sizes: Decodable {
        let columns: [String]
        let rows: [[Int]]
    }

    func testSmartResize() throws {
        let sizes = try golden("smart_resize.json", as: Sizes.self)
        XCTAssertEqual(
            sizes.columns,
            ["height", "width", "factor", "min_pixels", "max_pixels", "resized_height", "resized_width", "error"])
        XCTAssertGreaterThanOrEqual(sizes.rows.count, 5000)
        for row in sizes.rows {
            let call = {
                try smartResize(height: row[0], width: row[1], factor: row[2], minPixels: row[3], maxPixels: row[4])
            }
            if row[7] == 1 {
                XCTAssertThrowsError(try call(), "\(row)")
            } else {
                let (height, width) = try call()
                XCTAssertEqual([height, width], [row[5], row[6]], "\(row)")
            }
        }
    }

    struct Windows: Decodable {
        struct Case: Decodable {
            let grids: [[Int]]
            let window_size: Int
            let index: [Int32]
            let boundaries: [Int32]
        }
        let merge_size: Int
        let patch_size: Int
        let cases: [Case]
    }

    func testWindowIndex() throws {
        let windows = try golden("windows.json", as: Windows.self)
        XCTAssertGreaterThanOrEqual(windows.cases.count, 30)
        for example in windows.cases {
            let order = try windowIndex(
                example.grids.map { Grid(frames: $0[0], rows: $0[1], columns: $0[2]) }, mergeSize: windows.merge_size,
                windowSize: example.window_size, patchSize: windows.patch_size)
            XCTAssertEqual(order.index, example.index, "\(example.grids)")
            XCTAssertEqual(order.boundaries, example.boundaries, "\(example.grids)")
        }
    }
}
