import CSaccade

/// The plan of an image: its resized size, grid, tokens and windows.
public struct ImagePlan: Hashable, Sendable {
    /// Family of the model.
    public let family: ModelFamily
    /// Size of the source image in pixels.
    public let sourceSize: PixelSize
    /// Size of the resized image in pixels.
    public let resizedSize: PixelSize
    /// Grid of patches.
    public let grid: PatchGrid
    /// Number of patches.
    public let patches: Int
    /// Number of visual tokens in the prompt: patches / `mergeSize`^2.
    public let tokens: Int
    /// Number of attention windows; 0 for a family without windows.
    public let windows: Int
    /// Source pixels per model pixel.
    public let scale: PixelScale
    /// Minimum area of the resized image in pixels that applied.
    public let minPixels: Int
    /// Maximum area of the resized image in pixels that applied.
    public let maxPixels: Int
    /// The budget and where it came from, in words.
    public let budget: String
    /// Sentences on the budget; empty unless it is below the least that the family's checkpoints have.
    public let notes: [String]

    /// Plans an image within a budget.
    ///
    /// - Parameters:
    ///   - size: of the upright source image in pixels, each side 1 to 2^26.
    ///   - family: of the model that will see it.
    ///   - budget: upper limit; nil is the family's default, 1,280 tokens for Qwen-VL, or the checkpoint's own maximum if that
    ///     is lower. Gemma 4 takes the budgets of its family only.
    ///   - minTokens: minimum visual tokens. A smaller image is enlarged. nil is the least of the family or of the
    ///     checkpoint, or that of the runtime that the budget names. A budget below the least wins, and `notes` says so.
    ///     Gemma 4 enlarges every image to its budget and takes none.
    ///   - checkpointPixels: minimum and maximum area of a loaded checkpoint in pixels; nil for those of the family.
    /// - Throws: `SaccadeError.input` if the reference rejects the size, if the budget is below `minTokens` or too
    ///   small for the image's shape, or if a runtime is unknown.
    public init(
        size: PixelSize, family: ModelFamily = .qwen25VL, budget: ImageBudget? = nil, minTokens: Int? = nil,
        checkpointPixels: ClosedRange<Int>? = nil
    ) throws(SaccadeError) {
        let limits = try AreaLimits(budget, family, minTokens: minTokens, checkpointPixels: checkpointPixels)
        try self.init(size: size, family: family, limits: limits)
    }

    /// Plans an image within limits of its area.
    ///
    /// - Parameters:
    ///   - size: of the upright source image in pixels, each side 1 to 2^26.
    ///   - family: of the model that will see it.
    ///   - minPixels: minimum area of the resized image in pixels, at least 1.
    ///   - maxPixels: maximum area of the resized image in pixels, `minPixels` to 10^18 - 1.
    /// - Throws: `SaccadeError.input` if the reference rejects the size, or if its result exceeds `maxPixels`, because
    ///   no side is below one token.
    public init(
        size: PixelSize, family: ModelFamily = .qwen25VL, minPixels: Int, maxPixels: Int
    ) throws(SaccadeError) {
        guard 1 <= minPixels, minPixels <= maxPixels, maxPixels <= largestArea else {
            throw .input(
                "minPixels, maxPixels: expected 1 <= minPixels <= maxPixels <= \(largestArea); got \(minPixels) and "
                    + "\(maxPixels)")
        }
        let limits = AreaLimits(minPixels, maxPixels, "\(quantity(maxPixels, "pixel"))")
        try self.init(size: size, family: family, limits: limits)
    }

    private init(size: PixelSize, family: ModelFamily, limits: AreaLimits) throws(SaccadeError) {
        let (resized, limits) = try limits.resized(size, family)
        let rows = resized.height / family.patchSize
        let columns = resized.width / family.patchSize
        guard rows > 0, columns > 0, rows <= Int(Int32.max) / columns else {
            throw .input(
                "size: expected from 1 to 2147483647 patches; got \(rows) x \(columns) for \(size) within "
                    + "\(limits.description). Change the budget")
        }
        self.init(size, resized, family, limits)
    }

    /// Creates a plan from sizes that are known to fit.
    init(_ size: PixelSize, _ resized: PixelSize, _ family: ModelFamily, _ limits: AreaLimits) {
        self.family = family
        minPixels = limits.minPixels
        maxPixels = limits.maxPixels
        budget = limits.description
        notes = limits.notes
        sourceSize = size
        resizedSize = resized
        grid = PatchGrid(rows: resized.height / family.patchSize, columns: resized.width / family.patchSize)
        patches = grid.rows * grid.columns
        tokens = patches / (family.mergeSize * family.mergeSize)
        let (high, wide) = (grid.rows / family.mergeSize, grid.columns / family.mergeSize)
        windows =
            family.windowSize.map { windowSize in
                let side = max(1, windowSize / family.mergeSize / family.patchSize)
                return ceiling(high, side) * ceiling(wide, side)
            } ?? 0
        scale = PixelScale(
            x: Double(size.width) / Double(resized.width), y: Double(size.height) / Double(resized.height))
    }

    /// Converts a point from model pixels to source pixels.
    public func toSource(_ point: PixelPoint) -> PixelPoint { PixelPoint(x: point.x * scale.x, y: point.y * scale.y) }

    /// Converts a point from source pixels to model pixels.
    public func toModel(_ point: PixelPoint) -> PixelPoint { PixelPoint(x: point.x / scale.x, y: point.y / scale.y) }

    /// Converts a box from model pixels to source pixels.
    public func toSource(_ box: PixelBox) -> PixelBox {
        PixelBox(x1: box.x1 * scale.x, y1: box.y1 * scale.y, x2: box.x2 * scale.x, y2: box.y2 * scale.y)
    }

    /// Converts a box from source pixels to model pixels.
    public func toModel(_ box: PixelBox) -> PixelBox {
        PixelBox(x1: box.x1 / scale.x, y1: box.y1 / scale.y, x2: box.x2 / scale.x, y2: box.y2 / scale.y)
    }
}
