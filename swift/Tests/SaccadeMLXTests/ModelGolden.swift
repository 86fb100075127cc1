import Foundation
import MLX
import Saccade
import XCTest

@testable import SaccadeMLX

/// The files that tests/golden/swift.py writes.
enum ModelGolden {
    /// The folder: SACCADE_MODEL_GOLDEN, or build/swift-golden of the repository.
    static let folder: URL = {
        if let path = ProcessInfo.processInfo.environment["SACCADE_MODEL_GOLDEN"] { return URL(fileURLWithPath: path) }
        let file = URL(fileURLWithPath: #filePath)
        return (0..<4).reduce(file) { url, _ in url.deletingLastPathComponent() }
            .appendingPathComponent("build/swift-golden")
    }()

    /// Returns a file or folder.
    static func url(_ name: String) throws -> URL {
        guard FileManager.default.fileExists(atPath: folder.appendingPathComponent("complete").path) else {
            throw ModelError.missingFile("\(folder.path): run python tests/golden/swift.py \(folder.path)")
        }
        return folder.appendingPathComponent(name)
    }

    /// Decodes a JSON file.
    static func decode<Content: Decodable>(_ name: String, as type: Content.Type) throws -> Content {
        try JSONDecoder().decode(type, from: Data(contentsOf: try url(name)))
    }

    /// Loads a safetensors file.
    static func arrays(_ name: String) throws -> [String: MLXArray] {
        try Backend.run {
            let arrays = try loadArrays(url: try url(name))
            try Backend.evaluate(Array(arrays.values))
            return arrays
        }
    }

    /// Loads a model.
    static func model(_ name: String, precision: Precision = .float32) throws -> VisionLanguageModel {
        try Backend.run { try VisionLanguageModel(folder: try url(name), precision: precision, memoryLimit: nil) }
    }

    /// Loads the packaged checkpoint, in float32 as its golden answers.
    static func groundingModel(_ options: LoadOptions = LoadOptions()) throws -> GroundingModel {
        var options = options
        options.precision = .float32
        return try GroundingModel(folder: try url("packaged"), options: options)
    }

    /// The demo's screenshot.
    static func screen() throws -> ImageBuffer {
        let data = [UInt8](try Data(contentsOf: try url("screen.ppm")))
        let start = data.count - 3840 * 2160 * 3
        return try ImageBuffer(
            Array(data[start...]), size: PixelSize(width: 3840, height: 2160), format: .rgb)
    }
}

/// The cases of one checkpoint, with the reference's results.
struct CaseSet {
    struct Case: Decodable {
        let name: String
        let ids: [Int]
        let grids: [[Int]]

        var patchGrids: [PatchGrid] { grids.map { PatchGrid(frames: $0[0], rows: $0[1], columns: $0[2]) } }
    }

    private struct File: Decodable {
        let columns: Int
        let cases: [Case]
    }

    let columns: Int
    let cases: [Case]
    let arrays: [String: MLXArray]

    init(_ name: String) throws {
        let file = try ModelGolden.decode("\(name).json", as: File.self)
        columns = file.columns
        cases = file.cases
        arrays = try ModelGolden.arrays("\(name).safetensors")
    }

    func expected(_ example: Case, _ key: String) throws -> MLXArray {
        try XCTUnwrap(arrays["\(example.name)/\(key)"], "\(example.name)/\(key)")
    }

    /// The native patches of each image, in window order if the model has windows.
    func patches(_ example: Case, _ config: ModelConfig) throws -> [[UInt8]] {
        guard !example.grids.isEmpty else { return [] }
        let bytes = try expected(example, "patches").asArray(UInt8.self)
        let width = config.vision.stillWidth
        var start = 0
        return try example.patchGrids.map { grid in
            let count = grid.rows * grid.columns
            let own = Array(bytes[(start * width)..<((start + count) * width)])
            start += count
            guard let side = config.vision.windowSize else { return own }
            let block = config.vision.unit * width
            return try windowIndex([grid], windowSize: side).index.flatMap {
                own[(Int($0) * block)..<((Int($0) + 1) * block)]
            }
        }
    }

    /// The features of each image.
    func features(_ example: Case, _ model: VisionLanguageModel) throws -> [MLXArray] {
        try zip(patches(example, model.config), example.patchGrids).map { patches, grid in
            try Backend.run { try model.features(patches, grid) }
        }
    }
}

/// Returns the largest difference of two arrays of one shape.
func difference(_ a: MLXArray, _ b: MLXArray, file: StaticString = #filePath, line: UInt = #line) throws -> Float {
    XCTAssertEqual(a.shape, b.shape, file: file, line: line)
    guard a.shape == b.shape, a.size > 0 else { return .infinity }
    return try Backend.run { abs(a.asType(.float32) - b.asType(.float32)).max().item(Float.self) }
}

/// Returns the largest absolute value.
func scale(_ x: MLXArray) throws -> Float { try Backend.run { abs(x.asType(.float32)).max().item(Float.self) } }
