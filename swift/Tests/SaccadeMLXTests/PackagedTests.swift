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
        let model = try ModelGolden.groundingModel()
        let screen = try ModelGolden.screen()
        for known in file.answers {
            let size = PixelSize(width: known.crop[2] - known.crop[0], height: known.crop[3] - known.crop[1])
            let region = ImageCrop(x: known.crop[0], y: known.crop[1], size: size)
            let question = file.prompt.replacingOccurrences(of: "{}", with: known.description)
            let options = AnswerOptions(maxTokens: file.tokens, budget: .checkpoint)
            let message = ChatMessage(.user, [.image(screen, region: region), .text(question)])
            let answer = try await model.chat([message], options: options)
            XCTAssertEqual(answer.tokens, known.tokens, known.description)
            XCTAssertEqual(answer.usage.prompt, known.prompt.count)
            let grid = answer.plans[0].grid
            XCTAssertEqual([grid.frames, grid.rows, grid.columns], known.grid)
        }
    }

    func testBoxesAreThoseOfPython() async throws {
        let file = try ModelGolden.decode("packaged.json", as: File.self)
        let model = try ModelGolden.groundingModel()
        let screen = try ModelGolden.screen()
        for demo in file.demo {
            let flat = try await model.locate(demo.description, in: screen)
            XCTAssertEqual(flat.best.answer.text, demo.text, demo.description)
            XCTAssertEqual(flat.boxes.map(\.corners), demo.boxes, demo.description)
            let zoomed = try await model.locate(demo.description, in: screen, policy: .zoom())
            XCTAssertEqual(zoomed.boxes.map(\.corners), demo.zoomed, demo.description)
            XCTAssertEqual(zoomed.looks[0].answer.usage.cachedImages, 1)
        }
    }

    func testPatchesBitForBit() throws {
        let screen = try ModelGolden.screen()
        for family in [ModelFamily.qwen2VL, .qwen25VL] {
            let plan = try ImagePlan(size: screen.size, family: family, budget: 256)
            let patches = try ImageCrop(whole: screen).patches(screen, plan)
            let expected = try XCTUnwrap(try ModelGolden.arrays("patches-\(family.name).safetensors")["patches"])
            XCTAssertTrue(patches == expected.asArray(UInt8.self), family.name)
        }
    }
}

extension GroundedBox {
    /// The corners, as Python writes them.
    var corners: [Double] { [box.x1, box.y1, box.x2, box.y2] }
}
