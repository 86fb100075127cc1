import Foundation

/// Decides whose pixels a model's numbers are, and refuses those that their frame cannot hold.
struct AnswerFrame {
    let plan: ImagePlan
    /// The convention of all numbers; nil for the family's, and fractions where the numbers say so.
    let convention: CoordinateConvention?
    let isYFirst: Bool
    /// True once numbers were read as fractions although the family writes others.
    private(set) var readsFractions = false

    // Models write a few pixels past the edge: a hundredth of the side, at least 4 pixels, is clipped and not refused.
    private static let tolerance = 0.01
    private static let minPixels = 4.0

    init(_ plan: ImagePlan, _ convention: CoordinateConvention?, isYFirst: Bool) {
        self.plan = plan
        self.convention = convention
        self.isYFirst = isYFirst
    }

    /// A place in source pixels, or why it is none.
    enum Located {
        case point(GroundedPoint)
        case box(GroundedBox)
        case none(String)
    }

    mutating func locate(_ place: Place) -> Located {
        var values = Self.values(place.numbers)
        guard values.allSatisfy(\.isFinite) else { return .none("not a finite number") }
        if isYFirst, !place.isNamed { values = values.indices.map { values[$0 ^ 1] } }
        let convention = convention(place.numbers, values)
        let outside = outside(values, convention)
        if !outside.isEmpty { return .none(outside) }
        if self.convention == nil, convention != plan.family.convention { readsFractions = true }
        let (width, height) = (Double(plan.sourceSize.width), Double(plan.sourceSize.height))
        let scaled = values.indices.map { scale(values[$0], isX: $0 % 2 == 0, convention) }
        if scaled.count == 2 {
            let point = PixelPoint(x: min(max(scaled[0], 0), width), y: min(max(scaled[1], 0), height))
            return .point(GroundedPoint(point: point, label: place.label))
        }
        let (x1, x2) = (min(scaled[0], scaled[2]), max(scaled[0], scaled[2]))
        let (y1, y2) = (min(scaled[1], scaled[3]), max(scaled[1], scaled[3]))
        guard x1 < width, y1 < height, x2 > 0, y2 > 0 else { return .none("outside the image") }
        let box = PixelBox(x1: max(x1, 0), y1: max(y1, 0), x2: min(x2, width), y2: min(y2, height))
        return .box(GroundedBox(box: box, label: place.label))
    }

    /// Returns numbers. One of more digits than any coordinate is not a number.
    static func values(_ numbers: [String]) -> [Double] {
        numbers.map { $0.utf8.count <= 24 ? Shapes.value($0) : .nan }
    }

    private func scale(_ value: Double, isX: Bool, _ convention: CoordinateConvention) -> Double {
        let side = Double(isX ? plan.sourceSize.width : plan.sourceSize.height)
        switch convention {
        case .absolute: return value * (isX ? plan.scale.x : plan.scale.y)
        case .thousandths: return value * side / 1000
        case .fractions: return value * side
        }
    }

    private func convention(_ numbers: [String], _ values: [Double]) -> CoordinateConvention {
        if let convention { return convention }
        let isWithin = values.allSatisfy { -Self.tolerance <= $0 && $0 <= 1 + Self.tolerance }
        let isDecimal = numbers.allSatisfy { Self.hasDecimals($0) || $0 == "0" || $0 == "1" }
        if isWithin, isDecimal, numbers.contains(where: Self.hasDecimals) { return .fractions }
        return plan.family.convention
    }

    private static func hasDecimals(_ number: String) -> Bool {
        number.contains(".") || number.lowercased().contains("e-")
    }

    /// Returns a reason if a number lies outside the frame by more than models err; else "".
    private func outside(_ values: [Double], _ convention: CoordinateConvention) -> String {
        for (index, value) in values.enumerated() {
            let isX = index % 2 == 0
            let side: Int
            switch convention {
            case .absolute: side = isX ? plan.resizedSize.width : plan.resizedSize.height
            case .thousandths: side = 1000
            case .fractions: side = 1
            }
            var tolerance = Double(side) * Self.tolerance
            if convention == .absolute { tolerance = max(tolerance, Self.minPixels) }
            if !(-tolerance <= value && value <= Double(side) + tolerance) {
                let number = String(format: "%g", value)
                return "\(isX ? "x" : "y") \(number) is outside 0..\(side), \(words(convention))"
            }
        }
        return ""
    }

    private func words(_ convention: CoordinateConvention) -> String {
        if convention == .absolute { return "the resized image's pixels" }
        let owner = self.convention == nil ? "that this family writes" : "asked for"
        return "the \(convention.rawValue) \(owner)"
    }
}
