import XCTest

@testable import Saccade

/// Plans and pixels, as the Python binding computes them.
final class BindingTests: XCTestCase {
    struct Table: Decodable {
        struct Plan: Decodable {
            let size: [Int]
            let family: String
            let budget: String?
            let minTokens: Int?
            let checkpointPixels: [Int]?
            let error: Bool
            let words: String?
            let minPixels: Int?
            let maxPixels: Int?
            let resizedSize: [Int]?
            let tokens: Int?
            let patches: Int?
            let windows: Int?
            let notes: [String]?
        }
        struct Pixels: Decodable {
            let size: [Int]
            let format: String
            let family: String
            let backend: String
            let resized: String
            let native: String
            let reference: String
        }
        let plans: [Plan]
        let pixels: [Pixels]
    }

    func testPlansAreThoseOfPython() throws {
        let table = try golden("binding.json", as: Table.self)
        XCTAssertGreaterThan(table.plans.count, 1000)
        for row in table.plans {
            func plan() throws -> ImagePlan {
                try ImagePlan(
                    size: PixelSize(width: row.size[0], height: row.size[1]), family: ModelFamily.named(row.family),
                    budget: row.budget.map { try ImageBudget($0) }, minTokens: row.minTokens,
                    checkpointPixels: row.checkpointPixels.map { $0[0]...$0[1] })
            }
            if row.error {
                assertInput("") { try plan() }
                continue
            }
            let result = try plan()
            XCTAssertEqual(result.budget, row.words, "\(row)")
            XCTAssertEqual(result.notes, row.notes, "\(row)")
            XCTAssertEqual([result.minPixels, result.maxPixels], [row.minPixels, row.maxPixels], "\(row)")
            XCTAssertEqual([result.resizedSize.width, result.resizedSize.height], row.resizedSize, "\(row)")
            XCTAssertEqual([result.tokens, result.patches], [row.tokens, row.patches], "\(row)")
            XCTAssertEqual(result.windows, row.windows, "\(row)")
        }
    }

    func testPixelsAreThoseOfPython() throws {
        let table = try golden("binding.json", as: Table.self)
        let formats: [String: PixelFormat] = ["rgb": .rgb, "rgbx": .rgba, "bgrx": .bgra, "grey": .grey]
        let backends: [String: ResizeBackend] = [
            "pillow12": .pillow12, "pillow13": .pillow13, "torchvision": .torchvision,
        ]
        for row in table.pixels {
            let size = PixelSize(width: row.size[0], height: row.size[1])
            let format = try XCTUnwrap(formats[row.format])
            let backend = try XCTUnwrap(backends[row.backend])
            let family = try ModelFamily.named(row.family)
            let plan = try ImagePlan(size: size, family: family, budget: family.budgets.isEmpty ? 16 : 70)
            let image = try ImageBuffer(picture(size, format.bytesPerPixel), size: size, format: format)
            try image.withPixels { pixels throws(SaccadeError) in
                let resized = try resize(pixels, to: PixelSize(width: 50, height: 37), backend: backend)
                XCTAssertEqual(digest(resized), row.resized, "\(row)")
                if family.budgets.isEmpty {
                    let native = try nativePatches([pixels], plans: [plan], backend: backend)
                    XCTAssertEqual(digest(native), row.native, "\(row)")
                } else {
                    assertInput("referencePatches") { try nativePatches([pixels], plans: [plan], backend: backend) }
                }
                let reference = try referencePatches([pixels], plans: [plan], backend: backend)
                let bytes = reference.flatMap { value in
                    (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
                }
                XCTAssertEqual(digest(bytes), row.reference, "\(row)")
            }
        }
    }

    /// The formula of tests/golden/binding.py: sample n is the high byte of a linear congruence.
    func picture(_ size: PixelSize, _ channels: Int) -> [UInt8] {
        (0..<size.width * size.height * channels).map {
            UInt8((UInt32(truncatingIfNeeded: $0) &* 2_654_435_761 &+ 12345) >> 24)
        }
    }

    /// FNV-1a of 64 bits.
    func digest(_ bytes: [UInt8]) -> String {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
