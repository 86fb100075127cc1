/// A point in pixels, x right, y down.
public struct Point: Hashable, Sendable {
    public var x: Double
    public var y: Double

    /// Creates a point.
    public init(x: Double, y: Double) {
        self.x = x
        self.y = y
    }
}

/// A box in pixels, given by its edges, not by pixel centers.
public struct Box: Hashable, Sendable {
    /// Left edge.
    public var x1: Double
    /// Top edge.
    public var y1: Double
    /// Right edge.
    public var x2: Double
    /// Bottom edge.
    public var y2: Double

    /// Creates a box.
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

    /// Creates a size.
    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }
}

/// The plan of an image: its resized size, grid, tokens and windows.
public struct Plan: Hashable, Sendable {
    /// Family of the model.
    public let family: Family
    /// Size of the source image in pixels.
    public let sourceSize: Size
    /// Size of the resized image in pixels.
    public let resizedSize: Size
    /// Grid of patches.
    public let grid: Grid
    /// Number of patches.
    public let patches: Int
    /// Number of visual tokens in the prompt: patches / `mergeSize`^2.
    public let tokens: Int
    /// Number of attention windows; 0 for a family without windows.
    public let windows: Int
    /// Source pixels per model pixel.
    public let scale: Point
    /// Requested minimum area of the resized image in pixels.
    public let minPixels: Int
    /// Requested maximum area of the resized image in pixels.
    public let maxPixels: Int

    /// Plans an image within limits of its area.
    ///
    /// - Parameters:
    ///   - size: of the source image in pixels, each side 1 to 2^26.
    ///   - family: of the model that will see it.
    ///   - minPixels: minimum area of the resized image in pixels.
    ///   - maxPixels: maximum area of the resized image in pixels.
    /// - Throws: `SaccadeError.input` if the reference rejects the size, or if its result exceeds `maxPixels`, because
    ///   no side is below one token.
    public init(size: Size, family: Family = .qwen25VL, minPixels: Int, maxPixels: Int) throws {
        let resized = try smartResize(
            height: size.height, width: size.width, factor: family.factor, minPixels: minPixels, maxPixels: maxPixels)
        let area = resized.width * resized.height
        guard area > 0, area <= maxPixels else {
            throw SaccadeError.input(
                "size: expected a resized area from 1 to \(maxPixels) pixels; got "
                    + "\(resized.width)x\(resized.height) for \(size.width)x\(size.height). "
                    + "Change minPixels or maxPixels, or crop the image")
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
    ///   - maxTokens: maximum visual tokens; nil for 1,280, or the checkpoints' own maximum if that is lower.
    ///   - minTokens: minimum visual tokens, 1 to `maxTokens`. A smaller image is enlarged.
    /// - Throws: `SaccadeError.input` unless 1 <= minTokens <= maxTokens, and for the errors of
    ///   `init(size:family:minPixels:maxPixels:)`.
    public init(size: Size, family: Family = .qwen25VL, maxTokens: Int? = nil, minTokens: Int = 4) throws {
        let area = family.factor * family.factor
        let maxTokens = maxTokens ?? min(1280, family.maxPixels / area)
        guard minTokens >= 1, minTokens <= maxTokens, maxTokens <= Int.max / area else {
            throw SaccadeError.input(
                "minTokens, maxTokens: expected 1 <= minTokens <= maxTokens; got \(minTokens) and \(maxTokens)")
        }
        try self.init(size: size, family: family, minPixels: minTokens * area, maxPixels: maxTokens * area)
    }

    /// Converts a point from model pixels to source pixels.
    public func toSource(_ point: Point) -> Point { Point(x: point.x * scale.x, y: point.y * scale.y) }

    /// Converts a point from source pixels to model pixels.
    public func toModel(_ point: Point) -> Point { Point(x: point.x / scale.x, y: point.y / scale.y) }

    /// Converts a box from model pixels to source pixels.
    public func toSource(_ box: Box) -> Box {
        Box(x1: box.x1 * scale.x, y1: box.y1 * scale.y, x2: box.x2 * scale.x, y2: box.y2 * scale.y)
    }

    /// Converts a box from source pixels to model pixels.
    public func toModel(_ box: Box) -> Box {
        Box(x1: box.x1 / scale.x, y1: box.y1 / scale.y, x2: box.x2 / scale.x, y2: box.y2 / scale.y)
    }
}
