import XCTest

@testable import Saccade

final class BudgetTests: XCTestCase {
    let screen = PixelSize(width: 3840, height: 2160)

    func testBudgetsGiveTheLimitsOfPython() throws {
        func limits(
            _ budget: ImageBudget?, _ family: ModelFamily = .qwen25VL, minTokens: Int? = nil,
            checkpoint: ClosedRange<Int>? = nil
        ) throws -> [Int] {
            let plan = try ImagePlan(
                size: screen, family: family, budget: budget, minTokens: minTokens, checkpointPixels: checkpoint)
            return [plan.minPixels, plan.maxPixels]
        }
        XCTAssertEqual(try limits(nil), [3136, 1_003_520])
        XCTAssertEqual(try limits(nil, checkpoint: 3136...784_000), [3136, 784_000])
        XCTAssertEqual(try limits(nil, checkpoint: 1...1568), [1568, 1568])
        XCTAssertEqual(try limits(nil, .qwen3VL), [4096, 1_310_720])
        XCTAssertEqual(try limits(256, minTokens: 8), [8 * 784, 256 * 784])
        XCTAssertEqual(try limits(.pixels(1_003_520)), [3136, 1_003_520])
        XCTAssertEqual(try limits(.checkpoint), [3136, 12_845_056])
        XCTAssertEqual(try limits(.checkpoint, checkpoint: 3136...200_704), [3136, 200_704])
        XCTAssertEqual(try limits(.checkpoint, minTokens: 16), [16 * 784, 12_845_056])
        XCTAssertEqual(try limits(.runtime("ollama@0.13.3")), [3136, 1_003_520])
        XCTAssertEqual(try limits(.runtime("transformers"), checkpoint: 3136...200_704), [3136, 200_704])
    }

    func testRuntimesAndTheirVersions() throws {
        XCTAssertTrue(RuntimeLimits.names.contains("mlx-vlm"))
        XCTAssertEqual(Set(RuntimeLimits.names).count, RuntimeLimits.names.count)
        XCTAssertEqual(try RuntimeLimits("ollama@0.12.7-rc1").versions, "0.7.0 to 0.12.6")
        XCTAssertEqual(try RuntimeLimits("ollama@v0.12.7.0").versions, "0.12.7 to 0.13.3")
        XCTAssertEqual(try RuntimeLimits("ollama", family: .qwen2VL).versions, "0.30.0 and later")
        XCTAssertTrue(try RuntimeLimits("vllm@002d181a").isFromCheckpoint)
        assertInput("runtime: expected one of") { try RuntimeLimits("") }
        assertInput("runtime: expected a known version of ollama") { try RuntimeLimits("ollama@0.1") }
        assertInput("not known") { try RuntimeLimits("lm-studio") }
        for text in ["", ".", "1.", "v", "1..2", "1234567890", "1.0x", "1.0rc1.2"] {
            XCTAssertNil(VersionNumber(text), text)
        }
    }

    func testBudgetIsInWords() throws {
        XCTAssertEqual(try ImagePlan(size: screen).budget, "1280 tokens (default)")
        XCTAssertEqual(try ImagePlan(size: screen, budget: 500).budget, "500 tokens")
        XCTAssertEqual(
            try ImagePlan(size: screen, budget: .runtime("ollama@0.13.3")).budget,
            "1280 tokens (ollama 0.12.7 to 0.13.3)")
    }
}
