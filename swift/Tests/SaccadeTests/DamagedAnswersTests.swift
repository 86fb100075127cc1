import Foundation
import XCTest

@testable import Saccade

/// Damaged answers, read in every detail as the Python reader reads them.
final class DamagedAnswersTests: XCTestCase {
    struct Row: Decodable {
        struct Action: Decodable {
            let name: String
            let tool: String
            let points: [AnswersTests.Row.Point]
            let boxes: [AnswersTests.Row.Box]
            let arguments: [String: AnswersTests.Argument]
        }
        struct Rejected: Decodable {
            let text: String
            let numbers: [Double]
            let reason: String
        }
        let text: String
        let family: String
        let sourceSize: [Int]
        let resizedSize: [Int]
        let convention: String
        let yFirst: Bool
        let boxes: [AnswersTests.Row.Box]
        let points: [AnswersTests.Row.Point]
        let actions: [Action]
        let rejected: [Rejected]
        let notes: [String]
    }

    /// A reading as text, with numbers to 9 digits.
    func lines(_ text: GroundedText) -> [String] {
        text.boxes.map { line("box", [$0.box.x1, $0.box.y1, $0.box.x2, $0.box.y2], $0.label) }
            + text.points.map { line("point", [$0.point.x, $0.point.y], $0.label) }
            + text.actions.flatMap { action in
                ["action \(action.name), tool \(action.tool), arguments \(describe(.object(action.arguments)))"]
                    + action.points.map { line("  point", [$0.point.x, $0.point.y], $0.label) }
                    + action.boxes.map { line("  box", [$0.box.x1, $0.box.y1, $0.box.x2, $0.box.y2], $0.label) }
            }
            + text.rejected.map { line("rejected", $0.numbers, "\($0.text): \($0.reason)") } + text.notes
    }

    func lines(_ row: Row) -> [String] {
        row.boxes.map { line("box", $0.xyxy, $0.label) } + row.points.map { line("point", $0.xy, $0.label) }
            + row.actions.flatMap { action in
                let arguments = ActionValue.object(action.arguments.mapValues(\.value))
                return ["action \(action.name), tool \(action.tool), arguments \(describe(arguments))"]
                    + action.points.map { line("  point", $0.xy, $0.label) }
                    + action.boxes.map { line("  box", $0.xyxy, $0.label) }
            }
            + row.rejected.map { line("rejected", $0.numbers, "\($0.text): \($0.reason)") } + row.notes
    }

    func line(_ name: String, _ numbers: [Double], _ text: String) -> String {
        "\(name) \(numbers.map { String(format: "%.9g", $0 == 0 ? 0 : $0) }.joined(separator: ", ")) \(text)"
    }

    func describe(_ value: ActionValue) -> String {
        switch value {
        case .object(let members):
            return "{\(members.sorted { $0.key < $1.key }.map { "\($0): \(describe($1))" }.joined(separator: ", "))}"
        case .array(let values): return "[\(values.map(describe).joined(separator: ", "))]"
        case .double(let value): return String(format: "%.9g", value)
        case .int(let value): return String(format: "%.9g", Double(value))
        case .string(let text): return "\"\(text)\""
        case .bool(let value): return "\(value)"
        case .null: return "null"
        }
    }

    func testDamagedAnswersAreReadAsInPython() throws {
        let rows = try golden("damaged_answers.json", as: [Row].self)
        XCTAssertGreaterThanOrEqual(rows.count, 300)
        for row in rows {
            let plan = ImagePlan(
                PixelSize(width: row.sourceSize[0], height: row.sourceSize[1]),
                PixelSize(width: row.resizedSize[0], height: row.resizedSize[1]), try ModelFamily.named(row.family),
                AreaLimits(1, 1, "as the table says"))
            let text = GroundedText(
                row.text, plan: plan, convention: CoordinateConvention(rawValue: row.convention), isYFirst: row.yFirst)
            XCTAssertEqual(lines(text), lines(row), row.text)
        }
    }
}
