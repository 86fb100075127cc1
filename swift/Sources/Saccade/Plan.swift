/// A point in pixels, x right, y down.
public struct Point: Hashable, Sendable {
    public var x: Double
    public var y: Double

    public init(x: Double, y: Double) {
        self.x = x
        self.y = y
    }
}

/// A box in pixels: edges, not centers.
public struct Box: Hashable, Sendable {
    /// Left edge.
    public var x1: Double
    /// Top edge.
    public var y1: Double
    /// Right edge.
    public var x2: Double
    /// Bottom edge.
    public var y2: Double

    public init(x1: Double, y1: Double, x2: Double, y2: Double) {
        self.x1 = x1
        self.y1 = y1
        self.x2 = x2
        self.y2 = y2
    }
}

/// A width and a height in pixels.
public struct Size: Hashable, Sendable {
    public var width: Int
    public var height: Int

    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }
}

/// What an image becomes before any pixel is touched.
public struct Plan: Hashable, Sendable {
    /// Of the model it is made for.
    public let family: Family
    /// Of the image as it is given.
    public let sourceSize: Size
    /// What the model is shown.
    public let resizedSize: Size
    /// In patches.
    public let grid: Grid
    /// All patches of the grid.
    public let patches: Int
    /// What the image costs in the prompt: patches over the square of the family's `mergeSize`.
    public let tokens: Int
    /// Attention windows; 0 for a family without them.
    public let windows: Int
    /// Source pixels for one model pixel.
    public let scale: Point
    /// Least area of the resized image that was asked for.
    public let minPixels: Int
    /// Greatest area of the resized image that was asked for.
    public let maxPixels: Int

    /// Plans an image within limits on its area.
    ///
    /// - Parameters:
    ///   - size: of the source image in pixels, each side 1 to 2^26.
    ///   - family: of the model that will see it.
    ///   - minPixels: least area of the resized image.
    ///   - maxPixels: greatest area of the resized image.
    /// - Throws: `SaccadeError.input` where the reference refuses the size, and where its arithmetic would exceed
    ///   `maxPixels`, because no side goes below one token.
    public init(size: Size, family: Family = .qwen25VL, minPixels: Int, maxPixels: Int) throws {
        let resized = try smartResize(
            height: size.height, width: size.width, factor: family.factor, minPixels: minPixels, maxPixels: maxPixels)
        let area = resized.width * resized.height
        guard area > 0, area <= maxPixels else {
            throw SaccadeError.input(
                "an image of \(size.width)x\(size.height) would become \(resized.width)x\(resized.height), which is not "
                    + "within 1 to \(maxPixels) pixels; change minPixels or maxPixels, or crop it")
        }
        self.family = family
        self.minPixels = minPixels
        self.maxPixels = maxPixels
        sourceSize = size
        resizedSize = Size(width: resized.width, height: resized.height)
        grid = Grid(rows: resized.height / family.patchSize, columns: resized.width / family.patchSize)
        patches = grid.rows * grid.columns
        tokens = patches / (family.mergeSize * family.mergeSize)
        if let windowSize = family.windowSize {
            windows =
                try windowIndexSize(
                    [grid], mergeSize: family.mergeSize, windowSize: windowSize, patchSize: family.patchSize
                ).boundaries - 1
        } else {
            windows = 0
        }
        scale = Point(
            x: Double(size.width) / Double(resized.width), y: Double(size.height) / Double(resized.height))
    }

    /// Plans an image within a budget of tokens.
    ///
    /// - Parameters:
    ///   - size: of the source image in pixels, each side 1 to 2^26.
    ///   - family: of the model that will see it.
    ///   - maxTokens: most tokens; nil: 1,280, or what the family's checkpoints allow where that is less.
    ///   - minTokens: fewest tokens that a small image is enlarged to, 1 to `maxTokens`.
    /// - Throws: `SaccadeError.input` where not 1 <= minTokens <= maxTokens, and for what
    ///   `init(size:family:minPixels:maxPixels:)` refuses.
    public init(size: Size, family: Family = .qwen25VL, maxTokens: Int? = nil, minTokens: Int = 4) throws {
        let area = family.factor * family.factor
        let most = maxTokens ?? min(1280, family.maxPixels / area)
        guard minTokens >= 1, minTokens <= most, most <= Int.max / area else {
            throw SaccadeError.input("minTokens is \(minTokens) and maxTokens \(most); 1 <= minTokens <= maxTokens is needed")
        }
        try self.init(size: size, family: family, minPixels: minTokens * area, maxPixels: most * area)
    }

    /// A point in model pixels, in source pixels.
    public func toSource(_ point: Point) -> Point { Point(x: point.x * scale.x, y: point.y * scale.y) }

    /// A point in source pixels, in model pixels.
    public func toModel(_ point: Point) -> Point { Point(x: point.x / scale.x, y: point.y / scale.y) }

    /// A box in model pixels, in source pixels.
    public func toSource(_ box: Box) -> Box {
        Box(x1: box.x1 * scale.x, y1: box.y1 * scale.y, x2: box.x2 * scale.x, y2: box.y2 * scale.y)
    }

    /// A box in source pixels, in model pixels.
    public func toModel(_ box: Box) -> Box {
        Box(x1: box.x1 / scale.x, y1: box.y1 / scale.y, x2: box.x2 / scale.x, y2: box.y2 / scale.y)
    }
}
