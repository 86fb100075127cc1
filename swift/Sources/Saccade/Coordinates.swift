/// A width and a height in pixels.
public struct PixelSize: Hashable, Sendable {
    public var width: Int
    public var height: Int

    /// Creates a size.
    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }
}

extension PixelSize: CustomStringConvertible {
    /// The size as "1920x1080".
    public var description: String { "\(width)x\(height)" }
}

/// A point in pixels, x right, y down.
public struct PixelPoint: Hashable, Sendable {
    public var x: Double
    public var y: Double

    /// Creates a point.
    public init(x: Double, y: Double) {
        self.x = x
        self.y = y
    }
}

/// A box in pixels, x right, y down, given by its edges, not by pixel centers.
public struct PixelBox: Hashable, Sendable {
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

    /// The middle.
    public var center: PixelPoint { PixelPoint(x: (x1 + x2) / 2, y: (y1 + y2) / 2) }
    /// Distance of the right edge from the left edge.
    public var width: Double { x2 - x1 }
    /// Distance of the bottom edge from the top edge.
    public var height: Double { y2 - y1 }
}

/// Source pixels per model pixel along both axes.
public struct PixelScale: Hashable, Sendable {
    public var x: Double
    public var y: Double

    /// Creates a scale.
    public init(x: Double, y: Double) {
        self.x = x
        self.y = y
    }
}
