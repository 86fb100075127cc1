import CSaccade

/// The version of the core.
public var version: String { String(cString: saccade_version()) }

/// Returns the size to which Qwen's preprocessing resizes an image: both sides multiples of `factor`, an area from
/// `minPixels` to `maxPixels`, about the same aspect ratio. Equals transformers' `smart_resize` for every input.
///
/// - Parameters:
///   - height: of the image in pixels, 1 to 2^26.
///   - width: of the image in pixels, 1 to 2^26.
///   - factor: 28 for Qwen2-VL and Qwen2.5-VL, 32 for Qwen3-VL.
///   - minPixels: minimum area of the result in pixels.
///   - maxPixels: maximum area of the result in pixels. It may be exceeded, because no side is rounded below `factor`.
/// - Throws: `SaccadeError.input` if a size is out of range or one side is more than 200 times the other.
public func smartResize(
    height: Int, width: Int, factor: Int = 28, minPixels: Int = 3136, maxPixels: Int = 1_003_520
) throws -> (height: Int, width: Int) {
    var resizedHeight: Int64 = 0
    var resizedWidth: Int64 = 0
    try check(
        saccade_smart_resize(
            Int64(height), Int64(width), Int64(factor), Int64(minPixels), Int64(maxPixels), &resizedHeight,
            &resizedWidth))
    return (Int(resizedHeight), Int(resizedWidth))
}

/// A grid of patches, with one frame for a still image.
public struct Grid: Hashable, Sendable {
    /// Temporal patches: 1 for a still image.
    public var frames: Int
    /// Patches from top to bottom.
    public var rows: Int
    /// Patches from left to right.
    public var columns: Int

    /// Creates a grid.
    ///
    /// - Parameters:
    ///   - frames: temporal patches, at least 1.
    ///   - rows: in patches, a multiple of the family's `mergeSize`.
    ///   - columns: in patches, a multiple of the family's `mergeSize`.
    public init(frames: Int = 1, rows: Int, columns: Int) {
        self.frames = frames
        self.rows = rows
        self.columns = columns
    }
}

/// The order in which a vision tower with windowed attention reads its tokens.
public struct WindowIndex: Equatable, Sendable {
    /// `[tokens]`: the raster index (frame, row, column; grids concatenated) of each token.
    public var index: [Int32]
    /// `[windows + 1]`: the start of each window in patches, from 0 to the number of all patches, without repeats.
    public var boundaries: [Int32]
}

/// Returns the window order of the tokens of concatenated grids, as in the reference's vision tower.
///
/// - Parameters:
///   - grids: in patches; rows and columns multiples of `mergeSize`.
///   - mergeSize: patches per side of a token.
///   - windowSize: side of a window in pixels, at least one token.
///   - patchSize: side of a patch in pixels.
/// - Throws: `SaccadeError.input` if a grid or size is not positive, or if rows or columns are not multiples of
///   `mergeSize`.
public func windowIndex(
    _ grids: [Grid], mergeSize: Int = 2, windowSize: Int = 112, patchSize: Int = 14
) throws -> WindowIndex {
    let size = try windowIndexSize(grids, mergeSize: mergeSize, windowSize: windowSize, patchSize: patchSize)
    var result = WindowIndex(
        index: Array(repeating: 0, count: size.tokens), boundaries: Array(repeating: 0, count: size.boundaries))
    try check(
        saccade_window_index(
            triples(grids), Int64(grids.count), Int64(mergeSize), Int64(windowSize), Int64(patchSize), &result.index,
            Int64(size.tokens), &result.boundaries, Int64(size.boundaries)))
    return result
}

/// Returns the lengths of the two arrays of a window order. Arguments and errors as in `windowIndex`.
func windowIndexSize(
    _ grids: [Grid], mergeSize: Int, windowSize: Int, patchSize: Int
) throws -> (tokens: Int, boundaries: Int) {
    var tokens: Int64 = 0
    var boundaries: Int64 = 0
    try check(
        saccade_window_index_size(
            triples(grids), Int64(grids.count), Int64(mergeSize), Int64(windowSize), Int64(patchSize), &tokens,
            &boundaries))
    return (Int(tokens), Int(boundaries))
}

private func triples(_ grids: [Grid]) -> [Int64] {
    grids.flatMap { [Int64($0.frames), Int64($0.rows), Int64($0.columns)] }
}
