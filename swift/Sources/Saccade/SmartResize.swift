import CSaccade

/// The version of the core.
public var version: String { String(cString: saccade_version()) }

/// Returns the size to which Qwen's preprocessing resizes an image: both sides multiples of `factor`, an area from
/// `minPixels` to `maxPixels`, about the same aspect ratio. Equals transformers' `smart_resize` for every input.
///
/// - Parameters:
///   - size: of the image in pixels, each side 1 to 2^26.
///   - factor: 28 for Qwen2-VL and Qwen2.5-VL, 32 for Qwen3-VL.
///   - minPixels: minimum area of the result in pixels.
///   - maxPixels: maximum area of the result in pixels. It may be exceeded, because no side is rounded below `factor`.
/// - Throws: `SaccadeError.input` if a size is out of range or one side is more than 200 times the other.
public func smartResize(
    _ size: PixelSize, factor: Int = 28, minPixels: Int = 3136, maxPixels: Int = 1_003_520
) throws(SaccadeError) -> PixelSize {
    var width: Int64 = 0
    var height: Int64 = 0
    try check(
        saccade_smart_resize(
            Int64(size.height), Int64(size.width), Int64(factor), Int64(minPixels), Int64(maxPixels), &height, &width))
    return PixelSize(width: Int(width), height: Int(height))
}
