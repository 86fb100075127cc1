/// A point of two numbers, or a box of four, as the model wrote them.
struct Place {
    /// (x, y) or (x1, y1, x2, y2).
    var numbers: [String]
    /// The model's name for it; "" without one.
    var label = ""
    var start = 0
    var end = 0
    /// True if each number had its own key, so that no family reads it y first.
    var isNamed = false
}

/// Numbers that are where a place should be and are none.
struct Misfit {
    var numbers: [String]
    var reason: String
    var start = 0
    var end = 0
}

/// A place, or numbers that are none.
enum Spot {
    case place(Place)
    case misfit(Misfit)

    var place: Place? { if case .place(let place) = self { place } else { nil } }
    var numbers: [String] {
        switch self {
        case .place(let place): return place.numbers
        case .misfit(let misfit): return misfit.numbers
        }
    }

    /// Returns the place with a function applied; numbers that are none stay.
    func map(_ change: (Place) -> Place) -> Spot {
        if case .place(let place) = self { .place(change(place)) } else { self }
    }
}

/// An action as written.
struct Call {
    var name: String
    /// The tool that has the action as its argument; "" without one.
    var tool: String
    /// In the order of the arguments.
    var spots: [Spot]
    /// The other arguments.
    var arguments: [String: ActionValue]
    var start: Int
    var end: Int
}

/// What a form of answers hands to the reader, before any number is scaled.
enum Candidate {
    case spot(Spot)
    case call(Call)

    var range: Range<Int> {
        switch self {
        case .spot(.place(let place)): return place.start..<place.end
        case .spot(.misfit(let misfit)): return misfit.start..<misfit.end
        case .call(let call): return call.start..<call.end
        }
    }

    /// Returns the candidate at another place of the text.
    func moved(to range: Range<Int>) -> Candidate {
        switch self {
        case .spot(.place(var place)):
            (place.start, place.end) = (range.lowerBound, range.upperBound)
            return .spot(.place(place))
        case .spot(.misfit(var misfit)):
            (misfit.start, misfit.end) = (range.lowerBound, range.upperBound)
            return .spot(.misfit(misfit))
        case .call(var call):
            (call.start, call.end) = (range.lowerBound, range.upperBound)
            return .call(call)
        }
    }
}
