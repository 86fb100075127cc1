import Saccade

/// How often and where a model looks for a target.
public enum LookPolicy: Hashable, Sendable {
    /// One look at the whole image.
    case flat
    /// A second look at a part around the first answer, with `share` of each side of the image. A small target gains,
    /// because the part spends the same tokens on fewer pixels.
    case zoom(share: Double = 0.5)
}

/// What a model found for a description, in pixels of the whole image.
public struct Location: Sendable {
    /// One question to the model about a part of the image.
    public struct Look: Sendable {
        /// The part.
        public let crop: ImageCrop
        /// The model's answer, in its own coordinates.
        public let answer: Answer
        /// Its places in pixels of the whole image.
        public let grounding: GroundedText

        init(crop: ImageCrop, answer: Answer, convention: CoordinateConvention?) {
            self.crop = crop
            self.answer = answer
            grounding = GroundedText(answer.text, plan: answer.plans[0], convention: convention)
                .moved(x: Double(crop.x), y: Double(crop.y))
        }
    }

    /// All looks in order, at least one.
    public let looks: [Look]

    /// The look whose places count: the last that has one, else the first.
    public var best: Look { looks.last { $0.grounding.click != nil } ?? looks[0] }
    /// Boxes, clipped to the image.
    public var boxes: [GroundedBox] { best.grounding.boxes }
    /// Points that belong to no action.
    public var points: [GroundedPoint] { best.grounding.points }
    /// Actions that the model wants done.
    public var actions: [GroundedAction] { best.grounding.actions }
    /// The place to click; nil if nothing was found.
    public var click: PixelPoint? { best.grounding.click }
    /// True if there is a box.
    public var isFound: Bool { !boxes.isEmpty }
}

extension GroundingModel {
    /// Finds what a description names.
    ///
    /// - Parameters:
    ///   - description: such as "the red round button". Special tokens in it are plain text.
    ///   - image: upright; boxes come back in its pixels.
    ///   - region: part of the image to look in; nil for all of it.
    ///   - policy: how often and where to look.
    ///   - convention: coordinates of the model; nil for those of its family.
    ///   - options: of each answer; the budget is that of each look.
    /// - Returns: where it is. Nothing found is no error: `boxes` is empty, and the model's words are in `best`.
    /// - Throws: `ModelError` or `SaccadeError` for an input that cannot be used, `CancellationError` if the task is
    ///   cancelled.
    public func locate(
        _ description: String, in image: ImageBuffer, region: ImageCrop? = nil, policy: LookPolicy = .flat,
        convention: CoordinateConvention? = nil, options: AnswerOptions = AnswerOptions()
    ) async throws -> Location {
        let target = Self.trimmed(description)
        guard !target.isEmpty else {
            throw ModelError.input("description: expected words for what to find; got none")
        }
        let question = "Locate \(target), output its bbox coordinates using JSON format."
        if case .zoom(let share) = policy, !(share > 0 && share <= 1) {
            throw ModelError.input("share: expected above 0 and at most 1; got \(share)")
        }
        let whole = region ?? ImageCrop(whole: image)
        var looks = [try await look(question, image, whole, convention, options)]
        if case .zoom(let share) = policy, let click = looks[0].grounding.click {
            let inside = PixelPoint(x: click.x - Double(whole.x), y: click.y - Double(whole.y))
            var crop = try ImageCrop.around(inside, in: whole.size, share: share)
            crop.x += whole.x
            crop.y += whole.y
            looks.append(try await look(question, image, crop, convention, options))
        }
        return Location(looks: looks)
    }

    private func look(
        _ question: String, _ image: ImageBuffer, _ crop: ImageCrop, _ convention: CoordinateConvention?,
        _ options: AnswerOptions
    ) async throws -> Location.Look {
        let message = ChatMessage(.user, [.image(image, region: crop), .text(question)])
        let answer = try await chat([message], options: options)
        return Location.Look(crop: crop, answer: answer, convention: convention)
    }

    private static func trimmed(_ text: String) -> String {
        let scalars = text.unicodeScalars
        let isBlank = { (scalar: Unicode.Scalar) in scalar.properties.isWhitespace }
        guard let first = scalars.firstIndex(where: { !isBlank($0) }),
            let last = scalars.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(scalars[first...last])
    }
}
