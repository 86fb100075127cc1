/// What the checkpoints of one Qwen-VL family have in common.
public struct Family: Hashable, Sendable {
    /// As in Python: "qwen2.5-vl".
    public var name: String
    /// Side of a patch in pixels.
    public var patchSize: Int
    /// Patches along a side of a token.
    public var mergeSize: Int
    /// Side of an attention window in pixels; nil where the tower has none.
    public var windowSize: Int?
    /// The checkpoints' own least area of a resized image.
    public var minPixels: Int
    /// The checkpoints' own greatest area of a resized image.
    public var maxPixels: Int

    public init(name: String, patchSize: Int, mergeSize: Int, windowSize: Int?, minPixels: Int, maxPixels: Int) {
        self.name = name
        self.patchSize = patchSize
        self.mergeSize = mergeSize
        self.windowSize = windowSize
        self.minPixels = minPixels
        self.maxPixels = maxPixels
    }

    /// Side in pixels of the square that one token covers.
    public var factor: Int { patchSize * mergeSize }

    /// Qwen2-VL: 28 pixels a token, full attention in the tower.
    public static let qwen2VL = Family(
        name: "qwen2-vl", patchSize: 14, mergeSize: 2, windowSize: nil, minPixels: 3136, maxPixels: 12_845_056)
    /// Qwen2.5-VL: 28 pixels a token, attention in windows of 112 pixels.
    public static let qwen25VL = Family(
        name: "qwen2.5-vl", patchSize: 14, mergeSize: 2, windowSize: 112, minPixels: 3136, maxPixels: 12_845_056)
    /// Qwen3-VL: 32 pixels a token. Its plans and patches are here; the Python package does not run its tower yet.
    public static let qwen3VL = Family(
        name: "qwen3-vl", patchSize: 16, mergeSize: 2, windowSize: nil, minPixels: 65536, maxPixels: 16_777_216)
}
