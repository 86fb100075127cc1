import XCTest

@testable import Saccade

final class ImageBufferTests: XCTestCase {
    func testBufferChecksItsBytes() throws {
        let size = PixelSize(width: 3, height: 2)
        let buffer = try ImageBuffer([UInt8](0..<20), size: size, stride: 11, format: .rgb)
        XCTAssertEqual(buffer.stride, 11)
        try buffer.withPixels { pixels throws(SaccadeError) in
            XCTAssertEqual(pixels.size, size)
            XCTAssertEqual(pixels.bytes[11], 11)
        }
        assertInput("bytes: expected 2 rows") { try ImageBuffer([UInt8](0..<19), size: size, stride: 11, format: .rgb) }
        assertInput("stride") { try ImageBuffer([UInt8](0..<20), size: size, stride: 8, format: .rgb) }
        assertInput("own") { try buffer.withPixels { _ throws(SaccadeError) in throw .input("own") } }
    }

    /// A stored image of 3 x 2 pixels, and where each orientation puts its pixels.
    func testOrientationsTurnImagesUpright() throws {
        let upright: [ImageOrientation: [UInt8]] = [
            .up: [1, 2, 3, 4, 5, 6], .upMirrored: [3, 2, 1, 6, 5, 4], .down: [6, 5, 4, 3, 2, 1],
            .downMirrored: [4, 5, 6, 1, 2, 3], .leftMirrored: [1, 4, 2, 5, 3, 6], .right: [4, 1, 5, 2, 6, 3],
            .rightMirrored: [6, 3, 5, 2, 4, 1], .left: [3, 6, 2, 5, 1, 4],
        ]
        let size = PixelSize(width: 3, height: 2)
        let stored = (UInt8(1)...6).flatMap { [$0, 10, 20, $0 + 100] as [UInt8] }
        for orientation in ImageOrientation.allCases {
            let pixels = try orientation.upright(stored, size)
            XCTAssertEqual(stride(from: 0, to: 24, by: 4).map { pixels[$0] }, upright[orientation], "\(orientation)")
            XCTAssertEqual(stride(from: 3, to: 24, by: 4).map { pixels[$0] - 100 }, upright[orientation])
            let isTurned = orientation.rawValue >= 5
            XCTAssertEqual(orientation.uprightSize(size).width, isTurned ? 2 : 3)
        }
    }
}
