/// A box of an answer, in pixels of the source image.
public struct GroundedBox: Hashable, Sendable {
    /// Clipped to the image.
    public let box: PixelBox
    /// The model's name for it; "" without one.
    public let label: String

    /// Creates a box.
    public init(box: PixelBox, label: String = "") {
        self.box = box
        self.label = label
    }
}

/// A point of an answer, in pixels of the source image.
public struct GroundedPoint: Hashable, Sendable {
    /// Clipped to the image.
    public let point: PixelPoint
    /// The model's name for it; "" without one.
    public let label: String

    /// Creates a point.
    public init(point: PixelPoint, label: String = "") {
        self.point = point
        self.label = label
    }
}

/// An argument of an action, as in JSON.
public indirect enum ActionValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([ActionValue])
    case object([String: ActionValue])
}

/// An action that a model wants done.
public struct GroundedAction: Hashable, Sendable {
    /// As the model wrote it.
    public let name: String
    /// In pixels of the source image. A drag has two.
    public let points: [GroundedPoint]
    /// In pixels of the source image.
    public let boxes: [GroundedBox]
    /// All other arguments; those without a name are an array under "positional".
    public let arguments: [String: ActionValue]
    /// The tool that has the action as its argument, such as "computer_use"; "" without one.
    public let tool: String

    /// The first point, else the center of the first box.
    public var click: PixelPoint? { points.first?.point ?? boxes.first?.box.center }
}

/// Numbers of an answer that are neither a box nor a point of the image.
public struct RejectedPlace: Hashable, Sendable {
    /// As the model wrote it.
    public let text: String
    /// In the model's own frame.
    public let numbers: [Double]
    /// In words.
    public let reason: String
}

/// The boxes, points and actions of an answer, in pixels of the source image.
public struct GroundedText: Hashable, Sendable {
    /// Clipped to the image, in the order of the text.
    public let boxes: [GroundedBox]
    /// Points that belong to no action, in the order of the text.
    public let points: [GroundedPoint]
    /// In the order of the text.
    public let actions: [GroundedAction]
    /// Numbers that the frame cannot hold, or that are neither a point nor a box.
    public let rejected: [RejectedPlace]
    /// What was set aside or read in part, in words.
    public let notes: [String]

    /// Reads an answer about one image. It takes the same forms as the Python package; no text is an error, and the time
    /// is linear in its length.
    ///
    /// - Parameters:
    ///   - text: of the model.
    ///   - plan: of the image.
    ///   - convention: of the numbers; nil for the family's, and fractions for a place whose numbers have decimals and
    ///     are at most 1.
    ///   - isYFirst: numbers without names come as y, x; nil for the family's order.
    public init(
        _ text: String, plan: ImagePlan, convention: CoordinateConvention? = nil, isYFirst: Bool? = nil
    ) {
        let document = AnswerDocument(Array(text.unicodeScalars))
        var reader = AnswerReader(document, AnswerFrame(plan, convention, isYFirst: isYFirst ?? plan.family.isYFirst))
        for candidate in AnswerReader.collect(document, [plan.sourceSize, plan.resizedSize]) { reader.add(candidate) }
        self = reader.result()
    }

    init(
        boxes: [GroundedBox], points: [GroundedPoint], actions: [GroundedAction], rejected: [RejectedPlace],
        notes: [String]
    ) {
        self.boxes = boxes
        self.points = points
        self.actions = actions
        self.rejected = rejected
        self.notes = notes
    }

    /// The place to click: of the first action that has one, else the first point, else the center of the first box.
    public var click: PixelPoint? {
        actions.lazy.compactMap(\.click).first ?? points.first?.point ?? boxes.first?.box.center
    }

    /// Returns the boxes of an answer as the model wrote them, corners put in order. Nothing is scaled or clipped.
    ///
    /// - Parameter text: of the model.
    public static func rawBoxes(in text: String) -> [GroundedBox] {
        AnswerReader.collect(AnswerDocument(Array(text.unicodeScalars)), []).compactMap { candidate in
            guard case .spot(.place(let place)) = candidate, place.numbers.count == 4 else { return nil }
            let values = AnswerFrame.values(place.numbers)
            guard values.allSatisfy(\.isFinite) else { return nil }
            let box = PixelBox(
                x1: min(values[0], values[2]), y1: min(values[1], values[3]), x2: max(values[0], values[2]),
                y2: max(values[1], values[3]))
            return GroundedBox(box: box, label: place.label)
        }
    }
}
