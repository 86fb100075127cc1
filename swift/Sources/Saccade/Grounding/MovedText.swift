extension GroundedText {
    /// Returns the text with all places moved, as from a crop to the whole image.
    ///
    /// Numbers in `rejected` stay, because they are in the model's own frame.
    ///
    /// - Parameters:
    ///   - x: distance to the right, in pixels.
    ///   - y: distance down, in pixels.
    public func moved(x: Double, y: Double) -> GroundedText {
        GroundedText(
            boxes: boxes.map { $0.moved(x, y) }, points: points.map { $0.moved(x, y) },
            actions: actions.map { action in
                GroundedAction(
                    name: action.name, points: action.points.map { $0.moved(x, y) },
                    boxes: action.boxes.map { $0.moved(x, y) }, arguments: action.arguments, tool: action.tool)
            }, rejected: rejected, notes: notes)
    }
}

extension GroundedBox {
    fileprivate func moved(_ x: Double, _ y: Double) -> GroundedBox {
        GroundedBox(box: PixelBox(x1: box.x1 + x, y1: box.y1 + y, x2: box.x2 + x, y2: box.y2 + y), label: label)
    }
}

extension GroundedPoint {
    fileprivate func moved(_ x: Double, _ y: Double) -> GroundedPoint {
        GroundedPoint(point: PixelPoint(x: point.x + x, y: point.y + y), label: label)
    }
}
