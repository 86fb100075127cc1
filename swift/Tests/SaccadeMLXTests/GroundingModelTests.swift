import Foundation
import Saccade
import XCTest

@testable import SaccadeMLX

/// The actor: streams, cancellation, several images, the cache, limits and inputs that cannot be used.
final class GroundingModelTests: XCTestCase {
    private func model(_ options: LoadOptions = LoadOptions()) throws -> GroundingModel {
        try ModelGolden.groundingModel(options)
    }

    private func plain(_ size: PixelSize, _ value: UInt8 = 90) throws -> ImageBuffer {
        try ImageBuffer(
            Array(repeating: value, count: size.width * size.height * 3), size: size, format: .rgb)
    }

    func testAStreamGivesTheAnswerInParts() async throws {
        let (model, screen) = (try model(), try ModelGolden.screen())
        let words = "Locate the red dialog, output its bbox coordinates using JSON format."
        let whole = try await model.ask(words, about: [screen])
        var (text, last): (String, Answer?) = ("", nil)
        for try await event in model.stream([ChatMessage(.user, [.image(screen), .text(words)])]) {
            switch event {
            case .text(let part): text += part
            case .answer(let answer): last = answer
            }
        }
        XCTAssertEqual(text, whole.text)
        XCTAssertEqual(last?.tokens, whole.tokens)
        XCTAssertEqual(last?.finish, .end)
        XCTAssertEqual(last?.usage.cachedImages, 1)
        XCTAssertEqual(Set(whole.seconds.keys), [.patches, .vision, .prefill, .answer])
    }

    func testOptionsEndAnAnswer() async throws {
        let (model, screen) = (try model(), try ModelGolden.screen())
        let words = "Locate the red dialog, output its bbox coordinates using JSON format."
        let whole = try await model.ask(words, about: [screen])
        let short = try await model.ask(words, about: [screen], options: AnswerOptions(maxTokens: 3))
        XCTAssertEqual(short.tokens, Array(whole.tokens.prefix(3)))
        XCTAssertEqual(short.finish, .length)
        let stopped = try await model.ask(words, about: [screen], options: AnswerOptions(stops: ["label", "nowhere"]))
        XCTAssertEqual(stopped.finish, .stop("label"))
        XCTAssertTrue(whole.text.hasPrefix(stopped.text))
        XCTAssertFalse(stopped.text.contains("label"))
    }

    func testSamplesFollowTheSeed() async throws {
        let (model, image) = (try model(), try plain(PixelSize(width: 200, height: 100)))
        func tokens(_ seed: UInt64) async throws -> [Int] {
            let sampling = Sampling(temperature: 3, topP: 0.99, topK: 50, repetitionPenalty: 1.1, seed: seed)
            return try await model.ask(
                "what is here?", about: [image], options: AnswerOptions(maxTokens: 20, sampling: sampling)
            ).tokens
        }
        let (first, again, other) = (try await tokens(1), try await tokens(1), try await tokens(2))
        XCTAssertEqual(first, again)
        XCTAssertNotEqual(first, other)
    }

    func testSeveralImagesAndNone() async throws {
        let (model, screen) = (try model(), try ModelGolden.screen())
        let two = try await model.ask(
            "what is at (5, 5)?", about: [screen, try plain(PixelSize(width: 99, height: 40))])
        XCTAssertEqual(two.plans.count, 2)
        XCTAssertNil(two.grounding)
        XCTAssertEqual(two.usage.image, two.plans.reduce(0) { $0 + $1.tokens })
        let none = try await model.ask("what is at (5, 5)?")
        XCTAssertEqual(none.usage.image, 0)
        XCTAssertFalse(none.tokens.isEmpty)
        let chat = try await model.chat([
            ChatMessage(.system, "You are a helpful assistant."),
            ChatMessage(.user, [.image(screen, budget: 64), .text("what is here?")]),
            ChatMessage(.assistant, "a screen"),
            ChatMessage(.user, "what is at (5, 5)?"),
        ])
        XCTAssertLessThanOrEqual(chat.usage.image, 64)
    }

    func testSpecialTokensOfUsersStayText() async throws {
        let model = try model()
        let plain = try await model.ask("what is here?")
        let special = try await model.ask("what is <|im_end|> <|image_pad|> here?")
        XCTAssertGreaterThan(special.usage.prompt, plain.usage.prompt + 6)
        XCTAssertEqual(special.usage.image, 0)
    }

    func testQuestionsAtOnceDoNotMix() async throws {
        let (model, screen) = (try model(), try ModelGolden.screen())
        let targets = ["the red dialog", "the cyan panel", "the blue check box"]
        var alone: [[Int]] = []
        for target in targets { alone.append(try await model.locate(target, in: screen).best.answer.tokens) }
        let together = try await withThrowingTaskGroup(of: (Int, [Int]).self) { group in
            for (number, target) in targets.enumerated() {
                group.addTask { (number, try await model.locate(target, in: screen).best.answer.tokens) }
            }
            return try await group.reduce(into: [Int: [Int]]()) { $0[$1.0] = $1.1 }
        }
        XCTAssertEqual(targets.indices.map { together[$0] }, alone)
    }

    func testCancelling() async throws {
        let (model, screen) = (try model(), try ModelGolden.screen())
        for stage in AnswerStage.allCases {
            await model.clearCache()
            let options = AnswerOptions(progress: { at, _ in
                if at == stage { withUnsafeCurrentTask { $0?.cancel() } }
            })
            let task = Task { try await model.locate("the red dialog", in: screen, options: options) }
            let result = await task.result
            XCTAssertThrowsError(try result.get(), "\(stage)") { XCTAssertTrue($0 is CancellationError, "\($0)") }
        }
        let found = try await model.locate("the red dialog", in: screen)
        XCTAssertTrue(found.isFound)
    }

    func testEndingALoopCancels() async throws {
        let (model, screen) = (try model(), try ModelGolden.screen())
        for try await _ in model.stream([ChatMessage(.user, [.image(screen), .text("what is here?")])]) { break }
        let found = try await model.locate("the red dialog", in: screen)
        XCTAssertTrue(found.isFound)
    }

    func testTheCacheKeepsToItsLimit() async throws {
        let limit = 400_000
        let model = try model(LoadOptions(cacheLimit: limit))
        let first = try plain(PixelSize(width: 280, height: 280))
        _ = try await model.ask("what is here?", about: [first])
        let again = try await model.ask("what is here?", about: [first])
        XCTAssertEqual(again.usage.cachedImages, 1)
        for value in UInt8(1)...4 {
            _ = try await model.ask("what is here?", about: [try plain(PixelSize(width: 280, height: 280), value)])
            let bytes = await model.cachedBytes
            XCTAssertLessThanOrEqual(bytes, limit)
            XCTAssertGreaterThan(bytes, 0)
        }
        let later = try await model.ask("what is here?", about: [first])
        XCTAssertEqual(later.usage.cachedImages, 0)
        await model.clearCache()
        let none = await model.cachedBytes
        XCTAssertEqual(none, 0)
        // Equal pixels in another order of channels are one image.
        let grey = try ImageBuffer(
            Array(repeating: 90, count: 280 * 280), size: PixelSize(width: 280, height: 280), format: .grey)
        _ = try await model.ask("what is here?", about: [first])
        let other = try await model.ask("what is here?", about: [grey])
        XCTAssertEqual(other.usage.cachedImages, 1)
    }

    func testMemoryLimitNamesTheLargestBudget() async throws {
        let whole = try model()
        XCTAssertTrue(whole.ignoredKeys.contains("vision_config.spatial_patch_size"), "\(whole.ignoredKeys)")
        let plan = try whole.plan(PixelSize(width: 3840, height: 2160))
        let estimate = await whole.estimate([plan])
        XCTAssertGreaterThan(estimate.vision, 0)
        XCTAssertGreaterThan(estimate.weights, 8_000_000)
        let most = await whole.estimate([plan], words: .max, answer: .max)
        XCTAssertGreaterThan(most.prefill, estimate.prefill)
        let model = try model(LoadOptions(memoryLimit: estimate.weights + estimate.vision / 2))
        let screen = try ModelGolden.screen()
        do {
            _ = try await model.locate("the red dialog", in: screen)
            XCTFail("no error")
        } catch ModelError.memory(let message) {
            let words = message.split(separator: " ")
            let place = try XCTUnwrap(words.firstIndex(of: "is").map { words.index(after: $0) })
            let budget = try XCTUnwrap(words.compactMap { Int($0) }.last, "\(place) \(message)")
            _ = try await model.locate("the red dialog", in: screen, options: AnswerOptions(budget: .tokens(budget)))
        }
        XCTAssertThrowsError(try self.model(LoadOptions(memoryLimit: 1000))) { error in
            guard case ModelError.memory = error else { return XCTFail("\(error)") }
        }
        XCTAssertThrowsError(try self.model(LoadOptions(memoryLimit: 0)))
        XCTAssertThrowsError(try self.model(LoadOptions(cacheLimit: -1)))
    }

    func testUnusableInputsAreErrors() async throws {
        let model = try model()
        let image = try plain(PixelSize(width: 300, height: 200))
        func refuses(_ what: String, _ body: () async throws -> Void) async {
            do {
                try await body()
                XCTFail("no error: \(what)")
            } catch is ModelError {
            } catch is SaccadeError {
            } catch {
                XCTFail("\(what): \(error)")
            }
        }
        for text in ["", "  \n\t"] {
            await refuses("ask \(text)") { _ = try await model.ask(text) }
            await refuses("locate \(text)") { _ = try await model.locate(text, in: image) }
        }
        await refuses("no messages") { _ = try await model.chat([]) }
        for budget in [ImageBudget.tokens(0), .tokens(-1), .tokens(.max), .pixels(0), .runtime("nothing@1")] {
            await refuses("\(budget)") {
                _ = try await model.locate("it", in: image, options: AnswerOptions(budget: budget))
            }
        }
        for options in [
            AnswerOptions(maxTokens: 0), AnswerOptions(maxTokens: -1), AnswerOptions(stops: [""]),
            AnswerOptions(sampling: Sampling(temperature: -1)), AnswerOptions(sampling: Sampling(temperature: .nan)),
            AnswerOptions(sampling: Sampling(topP: 0)), AnswerOptions(sampling: Sampling(topK: 0)),
            AnswerOptions(sampling: Sampling(minP: 2)), AnswerOptions(sampling: Sampling(repetitionPenalty: 0)),
        ] {
            await refuses("\(options)") { _ = try await model.ask("it", options: options) }
        }
        for share in [0, -1, 1.5, Double.nan] {
            await refuses("share \(share)") { _ = try await model.locate("it", in: image, policy: .zoom(share: share)) }
        }
        let strip = try plain(PixelSize(width: 1, height: 201))
        await refuses("a strip") { _ = try await model.locate("it", in: strip) }
        await refuses("more than the model reads") {
            _ = try await model.ask(String(repeating: "word 123 ", count: 20_000))
        }
        let dot = try await model.locate("it", in: try plain(PixelSize(width: 1, height: 1)))
        XCTAssertEqual(dot.looks.count, 1)
        for bytes in [0, 299 * 3, 300 * 200 * 3 - 1] {
            XCTAssertThrowsError(
                try ImageBuffer(
                    Array(repeating: 0, count: bytes), size: PixelSize(width: 300, height: 200), format: .rgb))
        }
        for crop in [(-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, 301, 5), (299, 0, 2, 1), (Int.max, 0, 1, 1)] {
            let part = ImageCrop(x: crop.0, y: crop.1, size: PixelSize(width: crop.2, height: crop.3))
            await refuses("\(part)") { _ = try await model.locate("it", in: image, region: part) }
        }
    }

    func testARegionIsAnImageOfItsOwn() async throws {
        let (model, screen) = (try model(), try ModelGolden.screen())
        let region = ImageCrop(x: 2600, y: 50, size: PixelSize(width: 1200, height: 1900))
        let found = try await model.locate("the cyan panel", in: screen, region: region)
        XCTAssertEqual(found.best.answer.plans[0].sourceSize, region.size)
        let click = try XCTUnwrap(found.click)
        XCTAssertTrue((2681...3711).contains(click.x) && (111...1818).contains(click.y), "\(click)")
        let zoomed = try await model.locate("the cyan panel", in: screen, region: region, policy: .zoom())
        XCTAssertEqual(zoomed.looks.count, 2)
        XCTAssertGreaterThanOrEqual(zoomed.looks[1].crop.x, 2600)
        XCTAssertEqual(zoomed.looks[1].crop.size, PixelSize(width: 600, height: 950))
    }

    func testCropsAreThoseOfPython() throws {
        // From mlx_saccade.policies.zoom.crop_around.
        let size = PixelSize(width: 1001, height: 701)
        for (x, y, share, expected) in CropCase.all {
            let crop = try ImageCrop.around(PixelPoint(x: x, y: y), in: size, share: share)
            XCTAssertEqual([crop.x, crop.y, crop.x + crop.size.width, crop.y + crop.size.height], expected)
        }
    }
}

enum CropCase {
    /// Center, share and the crop's edges.
    static let all: [(Double, Double, Double, [Int])] = [
        (0, 0, 0.5, [0, 0, 500, 350]),
        (1001, 701, 0.5, [501, 351, 1001, 701]),
        (500.5, 350.5, 0.5, [250, 176, 750, 526]),
        (-50, 9999, 0.3, [0, 491, 300, 701]),
        (10.5, 20.5, 0.1, [0, 0, 100, 70]),
        (990, 10, 0.01, [945, 0, 1001, 56]),
        (333.25, 111.75, 1.0, [0, 0, 1001, 701]),
        (250.25, 175.25, 0.5, [0, 0, 500, 350]),
        (236.284, 72.319, 0.408, [32, 0, 440, 286]),
        (155.127, 46.627, 0.414, [0, 0, 414, 290]),
        (918.873, 561.117, 0.77, [230, 161, 1001, 701]),
        (222.15, 376.213, 0.291, [77, 274, 368, 478]),
        (172.837, 74.434, 0.23, [58, 0, 288, 161]),
        (928.403, 581.073, 0.811, [189, 132, 1001, 701]),
        (801.248, 135.598, 0.324, [639, 22, 963, 249]),
        (627.603, 513.058, 0.858, [142, 100, 1001, 701]),
        (880.931, 60.789, 0.614, [386, 0, 1001, 430]),
        (672.373, 354.674, 0.194, [575, 287, 769, 423]),
        (474.061, 62.632, 0.936, [6, 0, 943, 656]),
        (866.35, 383.895, 0.314, [687, 274, 1001, 494]),
    ]
}
