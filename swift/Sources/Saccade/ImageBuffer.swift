/// The pixels of an image in memory of its own.
///
/// On Apple platforms it also reads a `CGImage` or an image file.
public final class ImageBuffer: Sendable {
    /// Size of the upright image in pixels.
    public let size: PixelSize
    /// Bytes between row starts.
    public let stride: Int
    /// Order of a pixel's channels.
    public let format: PixelFormat
    private let bytes: [UInt8]

    /// Creates an image of bytes.
    ///
    /// - Parameters:
    ///   - bytes: at least `stride * (size.height - 1)` bytes and one row.
    ///   - size: of the image in pixels, each side 1 to 2^26.
    ///   - stride: bytes between row starts, at least those of a row; nil for rows without padding.
    ///   - format: order of a pixel's channels.
    /// - Throws: `SaccadeError.input` if a side is out of range, if rows overlap, or if there are too few bytes.
    public init(_ bytes: [UInt8], size: PixelSize, stride: Int? = nil, format: PixelFormat) throws(SaccadeError) {
        self.stride = try bytes.withUnsafeBufferPointer { bytes throws(SaccadeError) in
            try ImagePixels(bytes: UnsafeRawBufferPointer(bytes), size: size, stride: stride, format: format).stride
        }
        self.bytes = bytes
        self.size = size
        self.format = format
    }

    /// Calls a function with a view of the pixels, which is valid during the call only.
    ///
    /// - Throws: what the function throws.
    public func withPixels<Result>(
        _ body: (ImagePixels) throws(SaccadeError) -> Result
    ) throws(SaccadeError) -> Result {
        try bytes.withUnsafeBufferPointer { bytes throws(SaccadeError) in
            let bytes = UnsafeRawBufferPointer(bytes)
            return try body(try ImagePixels(bytes: bytes, size: size, stride: stride, format: format))
        }
    }
}
