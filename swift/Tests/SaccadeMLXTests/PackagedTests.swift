import Foundation
import Saccade
import XCTest

@testable import SaccadeMLX

/// The packaged checkpoint: prompts and answers token by token against transformers, and Python's answers.
final class PackagedTests: XCTestCase {
    struct File: Decodable {
        struct Known: Decodable {
            let crop: [Int]
            let description: String
            let grid: [Int]
            let prompt: [Int]
            let tokens: [Int]
        }
        struct Demo: Decodable {
            let description: String
            let text: String
            let boxes: [[Double]]
            let zoomed: [[Double]]
        }
        let prompt: String
        let tokens: Int
        let answers: [Known]
        let demo: [Demo]
    }

    func testAnswersTokenByToken() async throws {
        let file = try ModelGolden.decode("packaged.json", as: File.self)
        let model = try GroundingModel(folder: try ModelGolden.url("packaged"))
        let screen = try ModelGolden.screen()
        for known in file.answers {
            let size = PixelSize(width: known.crop[2] - known.crop[0], height: known.crop[3] - known.crop[1])
            let image = try screen.crop(ImageCrop(x: known.crop[0], y: known.crop[1], size: size))
            let question = file.prompt.replacingOccurrences(of: "{}", with: known.description)
            let options = AnswerOptions(maxTokens: file.tokens, budget: .checkpoint)
            let answer = try await model.ask(question, about: [image], options: options)
            XCTAssertEqual(answer.tokens, known.tokens, known.description)
            XCTAssertEqual(answer.usage.prompt, known.prompt.count)
            let grid = answer.plans[0].grid
            XCTAssertEqual([grid.frames, grid.rows, grid.columns], known.grid)
        }
    }

    func testPatchesBitForBit() throws {
        let screen = try ModelGolden.screen()
        for family in [ModelFamily.qwen2VL, .qwen25VL] {
            let plan = try ImagePlan(size: screen.size, family: family, budget: 256)
            let patches = try screen.withPixels { try nativePatches([$0], plans: [plan]) }
            let expected = try XCTUnwrap(try ModelGolden.arrays("patches-\(family.name).safetensors")["patches"])
            XCTAssertTrue(patches == expected.asArray(UInt8.self), family.name)
        }
    }
}
