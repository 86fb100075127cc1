import XCTest

@testable import Saccade

final class PatchesTests: XCTestCase {
    /// Returns a BGRA image whose pixel (x, y) is (x, y, x + y), with padding after each row.
    func captured(_ size: PixelSize, padding: Int = 8) -> [UInt8] {
        var bytes: [UInt8] = []
        for y in 0..<size.height {
            for x in 0..<size.width { bytes += [UInt8((x + y) % 256), UInt8(y % 256), UInt8(x % 256), 77] }
            bytes += [UInt8](repeating: 99, count: padding)
        }
        return bytes
    }

    func patches(_ sizes: [PixelSize], format: PixelFormat = .bgra, plans: [ImagePlan]) throws -> [UInt8] {
        let pictures = sizes.map { captured($0) }
        let pointers = pictures.map { bytes in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
            copy.copyBytes(from: bytes)
            return UnsafeRawBufferPointer(copy)
        }
        defer { for pointer in pointers { pointer.deallocate() } }
        let images = try zip(pointers, sizes).map {
            try ImagePixels(bytes: $0, size: $1, stride: 4 * $1.width + 8, format: format)
        }
        return try nativePatches(images, plans: plans)
    }

    func testPatchesOfAnImageThatKeepsItsSizeAreItsPixels() throws {
        let size = PixelSize(width: 56, height: 56)
        let plan = try ImagePlan(size: size)
        XCTAssertEqual(plan.resizedSize, size)
        let bytes = try patches([size], plans: [plan])
        XCTAssertEqual(bytes.count, 16 * 588)
        // The third patch is the first of the second row: (channel, y, x), red = x, green = y, blue = x + y.
        let third = bytes[(2 * 588)..<(3 * 588)].map { Int($0) }
        XCTAssertEqual(
            third,
            (0..<14).flatMap { _ in Array(0..<14) }
                + (14..<28).flatMap { y in [Int](repeating: y, count: 14) }
                + (14..<28).flatMap { y in (0..<14).map { $0 + y } })
    }

    func testABatchConcatenatesItsImages() throws {
        let sizes = [
            PixelSize(width: 300, height: 200), PixelSize(width: 90, height: 410), PixelSize(width: 640, height: 480),
        ]
        let plans = try sizes.map { try ImagePlan(size: $0, budget: 64) }
        let alone = try zip(sizes, plans).flatMap { try patches([$0], plans: [$1]) }
        XCTAssertEqual(try patches(sizes, plans: plans), alone)
    }

    func testCallersMemoryGetsTheSamePatches() throws {
        let size = PixelSize(width: 300, height: 200)
        let plan = try ImagePlan(size: size, budget: 64)
        let image = try ImageBuffer(captured(size), size: size, stride: 4 * 300 + 8, format: .bgra)
        try image.withPixels { pixels throws(SaccadeError) in
            let native = try nativePatches([pixels], plans: [plan])
            var memory = [UInt8](repeating: 171, count: native.count + 5)
            try memory.withUnsafeMutableBufferPointer { output throws(SaccadeError) in
                try nativePatches([pixels], plans: [plan], into: output)
            }
            XCTAssertEqual(memory, native + [171, 171, 171, 171, 171])
            let reference = try referencePatches([pixels], plans: [plan])
            XCTAssertEqual(reference.count, 2 * native.count)
            var floats = [Float](repeating: -9, count: reference.count)
            try floats.withUnsafeMutableBufferPointer { output throws(SaccadeError) in
                try referencePatches([pixels], plans: [plan], into: output)
            }
            XCTAssertEqual(floats, reference)
        }
    }

    func testPixelsInTheOutputThrow() throws {
        let size = PixelSize(width: 56, height: 56)
        let plan = try ImagePlan(size: size)
        var memory = [UInt8](repeating: 171, count: 4 * plan.patches * 588)
        try memory.withUnsafeMutableBytes { bytes in
            let half = UnsafeRawBufferPointer(rebasing: bytes[(bytes.count / 2 - 1)...])
            let image = try ImagePixels(bytes: half, size: size, format: .bgra)
            let output = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)]).bindMemory(to: UInt8.self)
            assertInput("images[0]: expected memory apart from output") {
                try nativePatches([image], plans: [plan], into: output)
            }
            let apart = UnsafeMutableBufferPointer(rebasing: output[..<(output.count - 1)])
            XCTAssertNoThrow(try nativePatches([image], plans: [plan], into: apart))
        }
    }

    func testMemoryThatIsTooSmallIsUntouched() throws {
        let size = PixelSize(width: 60, height: 60)
        let plan = try ImagePlan(size: size)
        let image = try ImageBuffer(captured(size), size: size, stride: 4 * 60 + 8, format: .bgra)
        try image.withPixels { pixels throws(SaccadeError) in
            for count in [0, 1, plan.patches * 588 - 1] {
                var memory = [UInt8](repeating: 171, count: count)
                memory.withUnsafeMutableBufferPointer { output in
                    assertInput("output: expected memory for \(plan.patches * 588) elements; got \(count)") {
                        try nativePatches([pixels], plans: [plan], into: output)
                    }
                }
                XCTAssertEqual(memory, [UInt8](repeating: 171, count: count))
            }
            let empty = UnsafeMutableBufferPointer<Float>(start: nil, count: 0)
            assertInput("output: expected memory") { try referencePatches([pixels], plans: [plan], into: empty) }
        }
    }

    func testImagesThatDoNotMatchTheirPlansThrow() throws {
        let size = PixelSize(width: 90, height: 60)
        let plan = try ImagePlan(size: size)
        XCTAssertThrowsError(try patches([], plans: []))
        XCTAssertThrowsError(try patches([size, size], plans: [plan]))
        XCTAssertThrowsError(try patches([PixelSize(width: 90, height: 61)], plans: [plan])) { error in
            XCTAssertTrue("\(error)".contains("images[0]"), "\(error)")
        }
        XCTAssertThrowsError(try patches([size, size], plans: [plan, ImagePlan(size: size, family: .qwen3VL)]))
        let few = [UInt8](repeating: 0, count: 4 * 90 * 60 - 1)
        try few.withUnsafeBytes { bytes in
            XCTAssertThrowsError(
                try nativePatches([ImagePixels(bytes: bytes, size: size, format: .bgra)], plans: [plan]))
        }
    }
}
