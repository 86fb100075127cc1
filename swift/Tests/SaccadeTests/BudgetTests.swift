import XCTest

@testable import Saccade

final class BudgetTests: XCTestCase {
    let screen = PixelSize(width: 3840, height: 2160)

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

    func testBudgetBelowTheLeastWinsAndIsNoted() throws {
        let plan = try ImagePlan(size: screen, family: .qwen3VL, budget: 16)
        XCTAssertLessThanOrEqual(plan.tokens, 16)
        XCTAssertEqual(
            plan.notes, ["a budget of 16 tokens is below the least of qwen3-vl, 64 tokens; answers may get worse"])
    }

    func testBudgetIsInWords() throws {
        XCTAssertEqual(try ImagePlan(size: screen).budget, "1280 tokens (default)")
        XCTAssertEqual(try ImagePlan(size: screen, budget: 500).budget, "500 tokens")
        XCTAssertEqual(
            try ImagePlan(size: screen, budget: .runtime("ollama@0.13.3")).budget,
            "1280 tokens (ollama 0.12.7 to 0.13.3)")
    }
}
