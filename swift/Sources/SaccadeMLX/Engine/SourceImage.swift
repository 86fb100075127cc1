import Saccade

/// An image that may cross from task to task: pixels of its own memory, shared by copies and crops.
public struct SourceImage: Sendable {
    private let bytes: [UInt8]
    private let start: Int
    private let stride: Int
    private let format: PixelFormat
    /// Size in pixels.
    public let size: PixelSize

    /// Creates an image from bytes.
    ///
    /// - Parameters:
    ///   - bytes: at least `stride * (size.height - 1)` bytes and one row.
    ///   - size: of the upright image in pixels, each side 1 to 2^26.
    ///   - stride: bytes between row starts; nil for rows without padding.
    ///   - format: order of a pixel's channels.
    /// - Throws: `SaccadeError.input` if a side is out of range, if rows overlap, or if `bytes` is too small.
    public init(bytes: [UInt8], size: PixelSize, stride: Int? = nil, format: PixelFormat) throws {
        self.stride = try bytes.withUnsafeBytes {
            try ImagePixels(bytes: $0, size: size, stride: stride, format: format).stride
        }
        self.bytes = bytes
        self.size = size
        self.format = format
        start = 0
    }

    /// Creates an image from a view, whose pixels are copied.
    public init(copying pixels: ImagePixels) throws {
        let count = pixels.stride * (pixels.size.height - 1) + pixels.size.width * pixels.format.bytesPerPixel
        try self.init(
            bytes: Array(pixels.bytes.prefix(count)), size: pixels.size, stride: pixels.stride, format: pixels.format)
    }

    private init(_ image: SourceImage, start: Int, size: PixelSize) {
        bytes = image.bytes
        stride = image.stride
        format = image.format
        self.start = start
        self.size = size
    }

    /// Returns a part of the image; its pixels are not copied.
    ///
    /// - Throws: `ModelError.input` if the part is empty or leaves the image.
    public func crop(_ crop: ImageCrop) throws -> SourceImage {
        guard 0 <= crop.x, 0 <= crop.y, 1 <= crop.size.width, 1 <= crop.size.height,
            crop.size.width <= size.width - crop.x, crop.size.height <= size.height - crop.y
        else { throw ModelError.input("crop: expected a part of an image of \(size); got \(crop)") }
        return SourceImage(
            self, start: start + crop.y * stride + crop.x * format.bytesPerPixel, size: crop.size)
    }

    /// Calls a function with a view of the pixels.
    func withPixels<Result>(_ body: (ImagePixels) throws -> Result) throws -> Result {
        try bytes.withUnsafeBytes { whole in
            let part = UnsafeRawBufferPointer(rebasing: whole[start...])
            return try body(try ImagePixels(bytes: part, size: size, stride: stride, format: format))
        }
    }
}

/// A part of an image, in its pixels.
public struct ImageCrop: Hashable, Sendable, CustomStringConvertible {
    /// Left edge.
    public var x: Int
    /// Top edge.
    public var y: Int
    /// Width and height.
    public var size: PixelSize

    /// Creates a part.
    public init(x: Int, y: Int, size: PixelSize) {
        self.x = x
        self.y = y
        self.size = size
    }

    /// The part as "640x480 at (10, 20)".
    public var description: String { "\(size) at (\(x), \(y))" }

    /// Returns a part around a point, shifted inside where it would cross the border.
    ///
    /// - Parameters:
    ///   - center: in pixels; a point outside the image counts as the nearest one inside.
    ///   - size: of the image.
    ///   - share: share of each side that the part keeps, above 0 and at most 1.
    ///   - minimum: least side in pixels, as far as the image has as many.
    /// - Throws: `ModelError.input` if the share is out of range or the point is not finite.
    public static func around(
        _ center: PixelPoint, in size: PixelSize, share: Double, minimum: Int = 56
    ) throws -> ImageCrop {
        guard 0 < share, share <= 1 else {
            throw ModelError.input("share: expected above 0 and at most 1; got \(share)")
        }
        guard center.x.isFinite, center.y.isFinite else {
            throw ModelError.input("center: expected finite coordinates; got (\(center.x), \(center.y))")
        }
        func edge(_ point: Double, _ side: Int) -> (start: Int, length: Int) {
            let kept = Int((Double(side) * share).rounded(.toNearestOrEven))
            let length = min(side, max(minimum, kept, 1))
            let inside = min(max(point, 0), Double(side))
            let start = Int((inside - Double(length) / 2).rounded(.toNearestOrEven))
            return (min(max(0, start), side - length), length)
        }
        let (x, width) = edge(center.x, size.width)
        let (y, height) = edge(center.y, size.height)
        return ImageCrop(x: x, y: y, size: PixelSize(width: width, height: height))
    }
}
