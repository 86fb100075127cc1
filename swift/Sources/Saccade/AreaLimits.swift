/// The limits of a budget on the area of a resized image. The rules are those of Python's `plan`.
struct AreaLimits {
    let minPixels: Int
    let maxPixels: Int
    /// The budget and where it came from, in words.
    let description: String

    init(_ minPixels: Int, _ maxPixels: Int, _ description: String) {
        self.minPixels = minPixels
        self.maxPixels = maxPixels
        self.description = description
    }

    init(
        _ budget: ImageBudget?, _ family: ModelFamily, minTokens: Int?, checkpointPixels: ClosedRange<Int>?
    ) throws(SaccadeError) {
        let area = family.factor * family.factor
        if let minTokens, !(1...largestArea / area ~= minTokens) {
            throw .input("minTokens: expected 1 to \(largestArea / area); got \(minTokens)")
        }
        if let pixels = checkpointPixels, pixels.lowerBound < 1 || pixels.upperBound > largestArea {
            throw .input("checkpointPixels: expected 1 to \(largestArea); got \(pixels)")
        }
        let checkpoint = checkpointPixels ?? family.minPixels...family.maxPixels
        let floor = (minTokens ?? 4) * area
        let limits: AreaLimits
        switch budget {
        case nil:
            let most = min(ImagePlan.defaultTokens * area, checkpoint.upperBound)
            let origin = most < checkpoint.upperBound ? "default" : "the cap of the checkpoint"
            limits = AreaLimits(minTokens == nil ? min(floor, most) : floor, most, "\(most / area) tokens (\(origin))")
        case .tokens(let tokens):
            guard 1...largestArea / area ~= tokens else {
                throw .input("budget: expected 1 to \(largestArea / area) tokens of \(area) pixels; got \(tokens)")
            }
            limits = AreaLimits(floor, tokens * area, quantity(tokens, "token"))
        case .pixels(let pixels):
            guard 1...largestArea ~= pixels else {
                throw .input("budget: expected 1 to \(largestArea) pixels; got \(pixels)")
            }
            limits = AreaLimits(floor, pixels, quantity(pixels, "pixel"))
        case .checkpoint:
            let origin = checkpointPixels == nil ? "\(family.name) checkpoints" : "the checkpoint"
            let most = checkpoint.upperBound
            limits = AreaLimits(
                minTokens == nil ? checkpoint.lowerBound : floor, most, "\(most / area) tokens (\(origin))")
        case .runtime(let name):
            let runtime = try RuntimeLimits(name, family: family)
            let pixels = runtime.isFromCheckpoint ? checkpoint : runtime.minPixels...runtime.maxPixels
            limits = AreaLimits(
                minTokens == nil ? pixels.lowerBound : floor, pixels.upperBound,
                "\(pixels.upperBound / area) tokens (\(runtime.runtime) \(runtime.versions))")
        }
        try limits.checkCount(budget, family, minTokens)
        guard limits.minPixels <= limits.maxPixels else {
            throw .input(
                "minTokens \(floor / area) is above the budget, \(limits.description); lower it or raise the budget")
        }
        self = limits
    }

    /// Checks a budget that is a number against the family's least, or against `minTokens`.
    private func checkCount(_ budget: ImageBudget?, _ family: ModelFamily, _ minTokens: Int?) throws(SaccadeError) {
        switch budget {
        case .tokens, .pixels: break
        default: return
        }
        let allowed = minTokens == nil ? family.minPixels : minPixels
        guard maxPixels >= allowed else {
            let owner = minTokens == nil ? "the least of \(family.name)" : "minTokens"
            let least = quantity(ceiling(allowed, family.factor * family.factor), "token")
            throw .input("budget: \(description) is below \(owner), \(least); raise it")
        }
    }
}
