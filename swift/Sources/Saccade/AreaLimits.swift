import CSaccade

/// The limits of a budget on the area of a resized image. The rules are those of Python's `plan`.
struct AreaLimits {
    var minPixels: Int
    let maxPixels: Int
    /// The budget and where it came from, in words.
    let description: String
    /// True if `minPixels` gives way where an image does not fit between the two.
    var yields = false
    /// Sentences on the budget, for the plan.
    var notes: [String] = []

    init(_ minPixels: Int, _ maxPixels: Int, _ description: String) {
        self.minPixels = minPixels
        self.maxPixels = maxPixels
        self.description = description
    }

    init(
        _ budget: ImageBudget?, _ family: ModelFamily, minTokens: Int?, checkpointPixels: ClosedRange<Int>?
    ) throws(SaccadeError) {
        let area = family.factor * family.factor
        guard family.budgets.isEmpty else {
            self = try Self.ofBudgets(budget, family, minTokens)
            return
        }
        if let minTokens, !(1...largestArea / area ~= minTokens) {
            throw .input("minTokens: expected 1 to \(largestArea / area); got \(minTokens)")
        }
        if let pixels = checkpointPixels, pixels.lowerBound < 1 || pixels.upperBound > largestArea {
            throw .input("checkpointPixels: expected 1 to \(largestArea); got \(pixels)")
        }
        let checkpoint = checkpointPixels ?? family.minPixels...family.maxPixels
        let limits = try Self.of(budget, family, checkpoint, isLoaded: checkpointPixels != nil)
        let most = limits.maxPixels
        switch (minTokens, budget) {
        case (nil, .checkpoint), (nil, .runtime): self = limits
        case (nil, _):
            self = Self.yielding(family, checkpoint.lowerBound, most, limits.description)
        case (let least?, _):
            guard least * area <= most else {
                throw .input(
                    "minTokens: expected at most the budget, \(limits.description); got \(least). Lower it or raise the "
                        + "budget")
            }
            self.init(least * area, most, limits.description)
        }
    }

    /// Returns the limits of a family that has budgets of its own and fills them.
    private static func ofBudgets(
        _ budget: ImageBudget?, _ family: ModelFamily, _ minTokens: Int?
    ) throws(SaccadeError) -> AreaLimits {
        guard minTokens == nil else {
            throw .input("minTokens: expected none for \(family.name), which fills its budget. Leave it out")
        }
        let area = family.factor * family.factor
        guard let budget else {
            return AreaLimits(area, family.defaultBudget * area, "\(family.defaultBudget) tokens (default)")
        }
        guard case .tokens(let tokens) = budget, family.budgets.contains(tokens) else {
            let known = family.budgets.map(String.init).joined(separator: ", ")
            throw .input("budget: expected one of \(known) tokens for \(family.name); got \(brief(budget))")
        }
        return AreaLimits(area, tokens * area, "\(tokens) tokens")
    }

    /// Returns the limits that a budget names; the lower one only of a checkpoint or runtime.
    private static func of(
        _ budget: ImageBudget?, _ family: ModelFamily, _ checkpoint: ClosedRange<Int>, isLoaded: Bool
    ) throws(SaccadeError) -> AreaLimits {
        let area = family.factor * family.factor
        switch budget {
        case nil:
            let most = min(family.defaultBudget * area, checkpoint.upperBound)
            let origin = most < checkpoint.upperBound ? "default" : "the cap of the checkpoint"
            return AreaLimits(1, most, "\(most / area) tokens (\(origin))")
        case .tokens(let tokens):
            guard 1...largestArea / area ~= tokens else {
                throw .input("budget: expected 1 to \(largestArea / area) tokens of \(area) pixels; got \(tokens)")
            }
            return AreaLimits(1, tokens * area, quantity(tokens, "token"))
        case .pixels(let pixels):
            guard 1...largestArea ~= pixels else {
                throw .input("budget: expected 1 to \(largestArea) pixels; got \(pixels)")
            }
            return AreaLimits(1, pixels, quantity(pixels, "pixel"))
        case .checkpoint:
            let origin = isLoaded ? "the checkpoint" : "\(family.name) checkpoints"
            let most = checkpoint.upperBound
            return AreaLimits(checkpoint.lowerBound, most, "\(most / area) tokens (\(origin))")
        case .runtime(let name):
            let runtime = try RuntimeLimits(name, family: family)
            let pixels = runtime.isFromCheckpoint ? checkpoint : runtime.minPixels...runtime.maxPixels
            let origin = "\(runtime.runtime) \(runtime.versions)"
            return AreaLimits(pixels.lowerBound, pixels.upperBound, "\(pixels.upperBound / area) tokens (\(origin))")
        }
    }

    /// Returns limits whose lower one gives way to the budget, with a note where the budget is below it.
    private static func yielding(_ family: ModelFamily, _ least: Int, _ most: Int, _ budget: String) -> AreaLimits {
        var limits = AreaLimits(min(least, most), most, budget)
        limits.yields = true
        if most < least {
            let tokens = quantity(ceiling(least, family.factor * family.factor), "token")
            limits.notes = [
                "a budget of \(budget) is below the least of \(family.name), \(tokens); answers may get worse"
            ]
        }
        return limits
    }

    /// Returns the size of an image within the limits, and the limits that held.
    func resized(_ size: PixelSize, _ family: ModelFamily) throws(SaccadeError) -> (PixelSize, AreaLimits) {
        guard family.budgets.isEmpty else { return (try filled(size, family), self) }
        var limits = self
        var resized = try limits.smartResized(size, family)
        if yields, resized.area > maxPixels {
            limits.minPixels = try largestMinPixels(size, family)
            resized = try limits.smartResized(size, family)
        }
        guard resized.area <= maxPixels else { throw try limits.tooSmall(size, family) }
        return (resized, limits)
    }

    /// Returns the size with which an image fills a budget, as Gemma 4's image processor computes it: each side scaled
    /// by the same number and rounded down to whole tokens, at least one. Any ratio of the sides is possible.
    private func filled(_ size: PixelSize, _ family: ModelFamily) throws(SaccadeError) -> PixelSize {
        let sides = 1...Int(SACCADE_MAX_SIDE)
        guard sides.contains(size.width), sides.contains(size.height) else {
            throw .input("size: expected sides of 1 to \(SACCADE_MAX_SIDE) pixels; got \(size)")
        }
        let factor = family.factor
        let budget = maxPixels / (factor * factor)
        let scale = (Double(maxPixels) / Double(size.area)).squareRoot()
        var columns = Int(scale * Double(size.width) / Double(factor))
        var rows = Int(scale * Double(size.height) / Double(factor))
        if rows == 0 {
            (columns, rows) = (min(size.width / size.height, budget), 1)
        } else if columns == 0 {
            (columns, rows) = (1, min(size.height / size.width, budget))
        }
        return PixelSize(width: columns * factor, height: rows * factor)
    }

    private func smartResized(_ size: PixelSize, _ family: ModelFamily) throws(SaccadeError) -> PixelSize {
        try smartResize(size, factor: family.factor, minPixels: minPixels, maxPixels: maxPixels)
    }

    /// Returns the largest lower limit, in pixels of whole tokens, with which an image fits; 1 token if none does.
    private func largestMinPixels(_ size: PixelSize, _ family: ModelFamily) throws(SaccadeError) -> Int {
        let area = family.factor * family.factor
        // A larger lower limit gives no smaller image.
        var (low, high) = (1, max(1, maxPixels / area))
        while low < high {
            let middle = low + (high - low + 1) / 2
            if try AreaLimits(middle * area, maxPixels, "").smartResized(size, family).area <= maxPixels {
                low = middle
            } else {
                high = middle - 1
            }
        }
        return low * area
    }

    /// Returns the error for limits that the reference exceeds: narrow images, or limits close together.
    private func tooSmall(_ size: PixelSize, _ family: ModelFamily) throws(SaccadeError) -> SaccadeError {
        let area = family.factor * family.factor
        let whole = try AreaLimits(minPixels, largestArea, "").smartResized(size, family)
        var tokens = maxPixels / area + 1
        // Only a shrunk image needs this search. One side is then one token, so it ends below the largest ratio of sides.
        while tokens <= largestArea / area {
            let resized = try AreaLimits(minPixels, tokens * area, "").smartResized(size, family)
            if resized == whole {
                tokens = max(tokens, whole.area / area)
                break
            }
            if resized.area <= tokens * area { break }
            tokens += 1
        }
        return .input(
            "an image of \(size) does not fit into \(description): both sides are whole tokens and the least is "
                + "\(ceiling(minPixels, area)); the smallest budget that holds it is \(quantity(tokens, "token"))")
    }
}

extension PixelSize {
    /// The product of the sides, each at most 2^26.
    fileprivate var area: Int { width * height }
}

/// Returns a / b, rounded up. Both are at least 1.
func ceiling(_ a: Int, _ b: Int) -> Int { (a - 1) / b + 1 }

/// Returns a count with its noun: "1 token", "1280 tokens".
func quantity(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
