import Foundation
import Saccade
import SaccadeMLX
import XCTest

@testable import SaccadeLocate

final class ArgumentTests: XCTestCase {
    func testWholeCommandLine() throws {
        let arguments = try Arguments([
            "--model", "m", "--image", "a.ppm", "--budget", "512", "--point", "--zoom", "--max-tokens", "9", "--raw",
            "4x3", "--", "--the button",
        ])
        XCTAssertEqual(arguments.description, "--the button")
        XCTAssertEqual(arguments.budget, .tokens(512))
        XCTAssertEqual(arguments.rawSize, PixelSize(width: 4, height: 3))
        XCTAssertEqual(arguments.policy, .zoom(share: 0.5))
        XCTAssertEqual(arguments.maxTokens, 9)
        XCTAssertTrue(arguments.isPointOnly)
    }

    func testUnusableArgumentsAreErrors() {
        let base = ["--model", "m", "--image", "a.ppm"]
        for words in [
            [], base, base + ["a", "b"], base + ["a", "--budget", "0"], base + ["a", "--budget"],
            base + ["a", "--red"],
            base + ["a", "--raw", "4"], base + ["a", "--max-tokens", "0"], ["--model", "m", "a"],
        ] {
            XCTAssertThrowsError(try Arguments(words), "\(words)")
        }
        XCTAssertNoThrow(try Arguments(["--help"]))
    }
}

final class ImageFileTests: XCTestCase {
    private func read(_ bytes: [UInt8], rawSize: PixelSize? = nil) throws -> ImageBuffer {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try Data(bytes).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        return try ImageFile.read(url, rawSize: rawSize)
    }

    func testPixmapsAndRawBytes() throws {
        let pixels = [UInt8](repeating: 7, count: 12)
        let size = PixelSize(width: 2, height: 2)
        XCTAssertEqual(try read(Array("P6\n# a comment\n2 2\n255\n".utf8) + pixels).size, size)
        XCTAssertEqual(try read(Array("P5 2 2 255 ".utf8) + pixels.prefix(4)).size, size)
        XCTAssertEqual(try read(pixels, rawSize: size).size, size)
    }

    func testDamagedFilesAreErrors() {
        for text in [
            "", "P6", "P6 2", "P6 2 2 255", "P6 2 2 255 abc", "P6 0 2 255 ", "P6 2 2 65535 ", "P6 -1 2 255 ",
            "P6 99999999999999999999 1 255 ", "P6 67108864 67108864 255 ", "GIF89a", "P3 1 1 255 0 0 0",
        ] {
            XCTAssertThrowsError(try read(Array(text.utf8)), text)
        }
        XCTAssertThrowsError(try read([1, 2, 3], rawSize: PixelSize(width: 2, height: 2)))
        XCTAssertThrowsError(try read([], rawSize: PixelSize(width: -1, height: 0)))
        XCTAssertThrowsError(try read([], rawSize: PixelSize(width: .max, height: .max)))
        XCTAssertThrowsError(try ImageFile.read(URL(fileURLWithPath: "/nowhere/a.ppm"), rawSize: nil))
    }
}
