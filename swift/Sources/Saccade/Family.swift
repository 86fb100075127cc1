/// The constants of a Qwen-VL model family.
public struct Family: Hashable, Sendable {
    /// The name, as in Python: "qwen2.5-vl".
    public var name: String
    /// Side of a patch in pixels.
    public var patchSize: Int
    /// Patches per side of a token.
    public var mergeSize: Int
    /// Side of an attention window in pixels; nil without windows.
    public var windowSize: Int?
    /// Minimum area of a resized image in pixels, from the checkpoints.
    public var minPixels: Int
    /// Maximum area of a resized image in pixels, from the checkpoints.
    public var maxPixels: Int

    /// Creates a family.
    ///
    /// - Parameters:
    ///   - name: of the family.
    ///   - patchSize: side of a patch in pixels.
    ///   - mergeSize: patches per side of a token.
    ///   - windowSize: side of an attention window in pixels; nil without windows.
    ///   - minPixels: minimum area of a resized image in pixels.
    ///   - maxPixels: maximum area of a resized image in pixels.
    public init(name: String, patchSize: Int, mergeSize: Int, windowSize: Int?, minPixels: Int, maxPixels: Int) {
        self.name = name
        self.patchSize = patchSize
        self.mergeSize = mergeSize
        self.windowSize = windowSize
        self.minPixels = minPixels
        self.maxPixels = maxPixels
    }

    /// Side of a token in pixels.
    public var factor: Int { patchSize * mergeSize }

    /// Qwen2-VL: tokens of 28 x 28 pixels, full attention in the vision tower.
    public static let qwen2VL = Family(
        name: "qwen2-vl", patchSize: 14, mergeSize: 2, windowSize: nil, minPixels: 3136, maxPixels: 12_845_056)
    /// Qwen2.5-VL: tokens of 28 x 28 pixels, attention in windows of 112 x 112 pixels.
    public static let qwen25VL = Family(
        name: "qwen2.5-vl", patchSize: 14, mergeSize: 2, windowSize: 112, minPixels: 3136, maxPixels: 12_845_056)
    /// Qwen3-VL: tokens of 32 x 32 pixels, full attention in the vision tower.
    public static let qwen3VL = Family(
        name: "qwen3-vl", patchSize: 16, mergeSize: 2, windowSize: nil, minPixels: 65536, maxPixels: 16_777_216)
}
