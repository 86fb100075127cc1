/// A grid of patches, with one frame for a still image.
public struct PatchGrid: Hashable, Sendable {
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

/// Returns grids as the core takes them: frames, rows and columns of one after the other.
func triples(_ grids: [PatchGrid]) -> [Int64] {
    grids.flatMap { [Int64($0.frames), Int64($0.rows), Int64($0.columns)] }
}
