import Saccade

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

extension ImageCrop {
    /// The whole of an image.
    init(whole image: ImageBuffer) { self.init(x: 0, y: 0, size: image.size) }

    /// Refuses a part that is empty or leaves an image.
    func check(_ image: ImageBuffer) throws {
        guard 0 <= x, 0 <= y, 1 <= size.width, 1 <= size.height, size.width <= image.size.width - x,
            size.height <= image.size.height - y
        else { throw ModelError.input("region: expected a part of an image of \(image.size); got \(self)") }
    }

    /// Returns the patches of this part of an image; its pixels are not copied.
    func patches(_ image: ImageBuffer, _ plan: ImagePlan) throws(SaccadeError) -> [UInt8] {
        try image.withPixels { whole throws(SaccadeError) in
            let start = y * whole.stride + x * whole.format.bytesPerPixel
            let part = try ImagePixels(
                bytes: UnsafeRawBufferPointer(rebasing: whole.bytes[start...]), size: size, stride: whole.stride,
                format: whole.format)
            return try nativePatches([part], plans: [plan])
        }
    }
}
