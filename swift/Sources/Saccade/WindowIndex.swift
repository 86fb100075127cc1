import CSaccade

/// The order in which a vision tower with windowed attention reads its tokens.
public struct WindowIndex: Hashable, Sendable {
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
/// - Throws: `SaccadeError.input` if there is no grid, if a grid or size is not positive, or if rows or columns are not
///   multiples of `mergeSize`; `SaccadeError.memory` if the result does not fit into memory.
public func windowIndex(
    _ grids: [PatchGrid], mergeSize: Int = 2, windowSize: Int = 112, patchSize: Int = 14
) throws(SaccadeError) -> WindowIndex {
    let triples = triples(grids)
    var tokens: Int64 = 0
    var boundaries: Int64 = 0
    try check(
        saccade_window_index_size(
            triples, Int64(grids.count), Int64(mergeSize), Int64(windowSize), Int64(patchSize), &tokens, &boundaries))
    var order = WindowIndex(index: try zeros(Int(tokens)), boundaries: try zeros(Int(boundaries)))
    try check(
        saccade_window_index(
            triples, Int64(grids.count), Int64(mergeSize), Int64(windowSize), Int64(patchSize), &order.index, tokens,
            &order.boundaries, boundaries))
    return order
}
