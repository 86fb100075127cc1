import MLX
import Saccade

/// The tower's output by the content of an image, under a limit in bytes; the least recently used entry goes first.
///
/// The key is the patches themselves, so that equal pixels are one image wherever they come from, and no two images are
/// taken for one.
struct FeatureCache {
    private struct Key: Hashable {
        let grid: PatchGrid
        let patches: [UInt8]
    }

    private struct Entry {
        let features: MLXArray
        let bytes: Int
        var lastUse: Int
    }

    /// Limit in bytes of keys and features; 0 caches nothing.
    let limit: Int
    /// Bytes in use.
    private(set) var bytes = 0
    private var entries: [Key: Entry] = [:]
    private var uses = 0

    init(limit: Int) { self.limit = limit }

    /// Returns the features of an image; nil if they are not cached.
    mutating func features(_ patches: [UInt8], _ grid: PatchGrid) -> MLXArray? {
        uses += 1
        let key = Key(grid: grid, patches: patches)
        entries[key]?.lastUse = uses
        return entries[key]?.features
    }

    /// Caches evaluated features, unless they are larger than the limit.
    mutating func insert(_ features: MLXArray, _ patches: [UInt8], _ grid: PatchGrid) {
        let key = Key(grid: grid, patches: patches)
        let size = patches.count + features.nbytes
        guard size <= limit, entries[key] == nil else { return }
        makeRoom(limit - size)
        uses += 1
        entries[key] = Entry(features: features, bytes: size, lastUse: uses)
        bytes += size
    }

    /// Drops entries until at most so many bytes are in use.
    mutating func makeRoom(_ most: Int) {
        while bytes > most, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            entries[oldest.key] = nil
            bytes -= oldest.value.bytes
        }
    }
}
