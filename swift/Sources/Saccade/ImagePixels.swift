import CSaccade

/// The order of a pixel's channels, one byte each.
///
/// A fourth byte is ignored: nothing is blended, and premultiplied colors stay premultiplied.
public enum PixelFormat: Int32, Hashable, Sendable, CaseIterable {
    /// Red, green, blue: 3 bytes.
    case rgb = 0
    /// Red, green, blue and a fourth byte: 4 bytes.
    case rgba = 1
    /// Blue, green, red and a fourth byte: 4 bytes. Screen captures of macOS and Windows.
    case bgra = 2
    /// One byte, read as three equal channels.
    case grey = 3

    /// Bytes per pixel.
    public var bytesPerPixel: Int {
        switch self {
        case .grey: return 1
        case .rgb: return 3
        case .rgba, .bgra: return 4
        }
    }
}

/// A view of an image's pixels, read in place. Rows may have padding, as in a `CVPixelBuffer`.
///
/// The memory is not copied, so it must outlive every use of the view.
public struct ImagePixels {
    /// The memory, from the first channel of the top left pixel.
    public let bytes: UnsafeRawBufferPointer
    /// Size in pixels, without padding.
    public let size: PixelSize
    /// Bytes between row starts.
    public let stride: Int
    /// Order of a pixel's channels.
    public let format: PixelFormat

    /// Creates a view.
    ///
    /// - Parameters:
    ///   - bytes: at least `stride * (size.height - 1)` bytes and one row.
    ///   - size: of the image in pixels, each side 1 to 2^26.
    ///   - stride: bytes between row starts, at least those of a row; nil for rows without padding.
    ///   - format: order of a pixel's channels.
    /// - Throws: `SaccadeError.input` if a side is out of range, if rows overlap, or if `bytes` is too small.
    public init(
        bytes: UnsafeRawBufferPointer, size: PixelSize, stride: Int? = nil, format: PixelFormat
    ) throws(SaccadeError) {
        let sides = 1...Int(SACCADE_MAX_SIDE)
        guard sides.contains(size.width), sides.contains(size.height) else {
            throw .input("size: expected sides of 1 to \(SACCADE_MAX_SIDE) pixels; got \(size)")
        }
        let row = size.width * format.bytesPerPixel
        let stride = stride ?? row
        guard stride >= row else {
            throw .input(
                "stride: expected at least \(row) bytes, \(size.width) pixels of \(format.bytesPerPixel); got \(stride)"
            )
        }
        let (before, overflow) = stride.multipliedReportingOverflow(by: size.height - 1)
        guard !overflow, bytes.count >= row, bytes.count - row >= before else {
            throw .input(
                "bytes: expected \(size.height) rows with a stride of \(stride) bytes; got \(bytes.count) bytes")
        }
        self.bytes = bytes
        self.size = size
        self.stride = stride
        self.format = format
    }
}
