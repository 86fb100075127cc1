import Foundation
import XCTest

@testable import Saccade

/// The table of answers that the Python tests read too: what models write, and what it means in the source's pixels.
final class AnswersTests: XCTestCase {
    struct Row: Decodable {
        struct Box: Decodable {
            let xyxy: [Double]
            let label: String
        }
        struct Point: Decodable {
            let xy: [Double]
            let label: String
        }
        struct Action: Decodable {
            let name: String
            let points: [[Double]]
            let boxes: [[Double]]
            let arguments: [String: Argument]
        }
        let form: String
        let text: String
        let family: String
        let sourceSize: [Int]
        let resizedSize: [Int]
        let convention: String
        let boxes: [Box]
        let points: [Point]
        let actions: [Action]
        let click: [Double]?
        let rejected: Int

        func read() throws -> GroundedText {
            let plan = ImagePlan(
                PixelSize(width: sourceSize[0], height: sourceSize[1]),
                PixelSize(width: resizedSize[0], height: resizedSize[1]), try ModelFamily.named(family),
                AreaLimits(1, 1, "as the table says"))
            return GroundedText(text, plan: plan, convention: CoordinateConvention(rawValue: convention))
        }
    }

    /// An argument of an action in the table.
    struct Argument: Decodable {
        let value: ActionValue

        init(from decoder: Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                value = .null
            } else if let bool = try? container.decode(Bool.self) {
                value = .bool(bool)
            } else if let int = try? container.decode(Int.self) {
                value = .int(int)
            } else if let double = try? container.decode(Double.self) {
                value = .double(double)
            } else if let string = try? container.decode(String.self) {
                value = .string(string)
            } else if let array = try? container.decode([Argument].self) {
                value = .array(array.map(\.value))
            } else {
                value = .object(try container.decode([String: Argument].self).mapValues(\.value))
            }
        }
    }

    func assertEqual(_ text: GroundedText, _ row: Row, _ name: String) {
        XCTAssertEqual(text.boxes.map(\.label), row.boxes.map(\.label), name)
        XCTAssertEqual(text.points.map(\.label), row.points.map(\.label), name)
        assertNear(text.boxes.map { edges($0.box) }, row.boxes.map(\.xyxy), name)
        assertNear(text.points.map { [$0.point.x, $0.point.y] }, row.points.map(\.xy), name)
        XCTAssertEqual(text.actions.map(\.name), row.actions.map(\.name), name)
        for (action, expected) in zip(text.actions, row.actions) {
            assertNear(action.points.map { [$0.point.x, $0.point.y] }, expected.points, name)
            assertNear(action.boxes.map { edges($0.box) }, expected.boxes, name)
            XCTAssertEqual(action.arguments, expected.arguments.mapValues(\.value), name)
        }
        assertNear(text.click.map { [[$0.x, $0.y]] } ?? [], row.click.map { [$0] } ?? [], name)
        XCTAssertEqual(text.rejected.count, row.rejected, name)
    }

    func edges(_ box: PixelBox) -> [Double] { [box.x1, box.y1, box.x2, box.y2] }

    func assertNear(_ values: [[Double]], _ expected: [[Double]], _ name: String) {
        XCTAssertEqual(values.map(\.count), expected.map(\.count), name)
        for (value, expected) in zip(values.joined(), expected.joined()) {
            XCTAssertEqual(value, expected, accuracy: 1e-4, name)
        }
    }

    func testAnswersOfTheTable() throws {
        let table = try golden("answers.json", as: [Row].self)
        XCTAssertGreaterThanOrEqual(table.count, 240)
        for (number, row) in table.enumerated() {
            assertEqual(try row.read(), row, "\(number) \(row.form): \(row.text)")
        }
    }

    /// Asserts what holds for every text: places are in the image, and all numbers are finite.
    func assertInImage(_ text: GroundedText, _ plan: ImagePlan, _ name: String) {
        let (width, height) = (Double(plan.sourceSize.width), Double(plan.sourceSize.height))
        for box in (text.boxes + text.actions.flatMap(\.boxes)).map(\.box) {
            XCTAssertTrue(0 <= box.x1 && box.x1 <= box.x2 && box.x2 <= width, name)
            XCTAssertTrue(0 <= box.y1 && box.y1 <= box.y2 && box.y2 <= height, name)
        }
        for point in (text.points + text.actions.flatMap(\.points)).map(\.point) {
            XCTAssertTrue(0...width ~= point.x && 0...height ~= point.y, name)
        }
        XCTAssertTrue(text.rejected.flatMap(\.numbers).allSatisfy(\.isFinite), name)
    }

    func testFuzzedAnswersStayInTheImage() throws {
        let table = try golden("answers.json", as: [Row].self)
        let marks = [
            "{", "}", "[", "]", "(", ")", "\"", "'", "\\", ",", ":", "<", ">", "\n", "\0", "\u{2028}", "（", "<think>",
            "</answer>", "<|box_start|>", "<points x1=", "{\"bbox_2d\": ", "click(", "drag(",
            "9999999999999999999999999",
            "1e308", "-1e309", "nan", "٣", "\\ud83d", "👩‍👩‍👧", "e\u{301}",
        ]
        var random = SeededRandom(seed: 22)
        for round in 0..<400 {
            var scalars = Array(table[Int.random(in: 0..<table.count, using: &random)].text.unicodeScalars)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let start = Int.random(in: 0...scalars.count, using: &random)
                let end = min(scalars.count, start + Int.random(in: 0...8, using: &random))
                let mark = Array(marks.randomElement(using: &random)!.unicodeScalars)
                scalars.replaceSubrange(
                    start..<end,
                    with: Array(repeating: mark, count: [1, 1, 1, 40].randomElement(using: &random)!).joined())
            }
            let text = String(scalars[...])
            let plan = try ImagePlan(
                size: PixelSize(width: 300 + round, height: 280), family: ModelFamily.all[round % ModelFamily.all.count]
            )
            let grounded = GroundedText(text, plan: plan, isYFirst: round % 5 == 0)
            assertInImage(grounded, plan, text)
            XCTAssertEqual(grounded, GroundedText(text, plan: plan, isYFirst: round % 5 == 0), text)
        }
    }

    /// Texts that a reader which backtracks or nests would not survive.
    func testLongAnswersEnd() throws {
        let plan = try ImagePlan(size: PixelSize(width: 1920, height: 1080))
        for part in [
            " ", "[", "(", "{\"a\": ", "\"", "'", "\\", "1", "1,", "<", "<box>", "<think>", "a", "x=", "\n", "Thought:",
            "click(", "[1, 2, 3, 4], ", "```", "\u{3000}", ".", "-",
        ] {
            let text = String(repeating: part, count: 20_000 / part.count)
            assertInImage(GroundedText(text, plan: plan), plan, "20,000 characters of \(part)")
        }
    }

    func testEmptyAnswerHasNoClick() throws {
        let text = GroundedText("", plan: try ImagePlan(size: PixelSize(width: 1920, height: 1080)))
        XCTAssertNil(text.click)
        XCTAssertEqual(text.notes, [])
    }

    func testRawBoxesAreNotScaled() {
        let boxes = GroundedText.rawBoxes(
            in: "[{\"bbox_2d\": [300, 20, 10, 40], \"label\": \"Save\"}] and [9999, 0, 5, 6]")
        XCTAssertEqual(boxes, [GroundedBox(box: PixelBox(x1: 10, y1: 20, x2: 300, y2: 40), label: "Save")])
    }
}

/// The same random numbers in every run (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
