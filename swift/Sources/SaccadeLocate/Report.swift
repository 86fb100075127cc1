import Foundation
import Saccade
import SaccadeMLX

/// The JSON of an answer. Its fields are those of the Python command's `--json`, as far as both have them.
enum Report {
    /// Returns one line of JSON.
    static func json(_ location: Location, _ family: ModelFamily, isPointOnly: Bool) throws -> String {
        let content: [String: Any] = isPointOnly ? ["click": click(location)] : answer(location, family)
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try JSONSerialization.data(withJSONObject: content, options: options), as: UTF8.self)
    }

    private static func answer(_ location: Location, _ family: ModelFamily) -> [String: Any] {
        let best = location.best
        let looks = location.looks
        let stages = AnswerStage.allCases.map { stage in
            (stage.rawValue, looks.reduce(0.0) { $0 + ($1.answer.seconds[stage] ?? 0) })
        }
        func total(_ count: (Answer.Usage) -> Int) -> Int { looks.reduce(0) { $0 + count($1.answer.usage) } }
        return [
            "found": location.isFound, "click": click(location), "boxes": location.boxes.map(box),
            "points": location.points.map(point), "actions": location.actions.map(action),
            "rejected": best.grounding.rejected.map {
                ["text": $0.text, "numbers": $0.numbers, "reason": $0.reason] as [String: Any]
            },
            "notes": best.grounding.notes, "text": best.answer.text, "finish": finish(best.answer.finish),
            "usage": ["prompt": total(\.prompt), "image": total(\.image), "answer": total(\.answer)],
            "timings": Dictionary(uniqueKeysWithValues: stages), "frames": looks.prefix(1).map { frame($0, family) },
            "looks": looks.count < 2 ? [] : looks.map(look),
        ]
    }

    private static func click(_ location: Location) -> Any { location.click.map { [$0.x, $0.y] } ?? NSNull() }

    private static func box(_ box: GroundedBox) -> [String: Any] {
        ["xyxy": [box.box.x1, box.box.y1, box.box.x2, box.box.y2], "label": box.label]
    }

    private static func point(_ point: GroundedPoint) -> [String: Any] {
        ["xy": [point.point.x, point.point.y], "label": point.label]
    }

    private static func action(_ action: GroundedAction) -> [String: Any] {
        [
            "name": action.name, "tool": action.tool, "points": action.points.map(point),
            "boxes": action.boxes.map(box),
        ]
    }

    private static func frame(_ look: Location.Look, _ family: ModelFamily) -> [String: Any] {
        let plan = look.answer.plans[0]
        return [
            "source_size": [plan.sourceSize.width, plan.sourceSize.height],
            "processed_size": [plan.resizedSize.width, plan.resizedSize.height],
            "grid_thw": [plan.grid.frames, plan.grid.rows, plan.grid.columns], "scale": [plan.scale.x, plan.scale.y],
            "convention": family.convention.rawValue, "tokens": plan.tokens, "budget": plan.budget,
        ]
    }

    private static func look(_ look: Location.Look) -> [String: Any] {
        let crop = look.crop
        return [
            "crop": [crop.x, crop.y, crop.x + crop.size.width, crop.y + crop.size.height],
            "tokens": look.answer.usage.image, "text": look.answer.text,
        ]
    }

    private static func finish(_ finish: Answer.Finish) -> String {
        switch finish {
        case .end: "stop"
        case .length: "length"
        case .stop: "stop string"
        }
    }
}
