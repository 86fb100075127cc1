import CSaccade

/// The coordinates in which a model writes its boxes and points.
public enum CoordinateConvention: String, Hashable, Sendable, CaseIterable {
    /// Pixels of the resized image.
    case absolute
    /// Thousandths of the sides of the image.
    case thousandths
    /// Fractions of the sides of the image, 0 to 1.
    case fractions
}

/// The constants of a model family.
public struct ModelFamily: Hashable, Sendable {
    /// The name, as in Python: "qwen2.5-vl".
    public let name: String
    /// Side of a patch in pixels.
    public let patchSize: Int
    /// Patches per side of a token.
    public let mergeSize: Int
    /// Frames in a patch. A still image is repeated to fill it.
    public let temporalPatchSize: Int
    /// Side of an attention window in pixels; nil without windows.
    public let windowSize: Int?
    /// Minimum area of a resized image in pixels, from the checkpoints.
    public let minPixels: Int
    /// Maximum area of a resized image in pixels, from the checkpoints.
    public let maxPixels: Int
    /// Means of red, green and blue in 0 to 1, three values. Normalization subtracts them.
    public let mean: [Double]
    /// Standard deviations of red, green and blue, three values. Normalization divides by them.
    public let std: [Double]
    /// Coordinates of the answers.
    public let convention: CoordinateConvention
    /// The only budgets of an image, in tokens; empty if any budget is possible.
    public let budgets: [Int]
    /// Budget where none is given, in tokens.
    public let defaultBudget: Int
    /// True if answers write y before x.
    public let isYFirst: Bool

    /// Creates a family.
    ///
    /// - Parameters:
    ///   - name: of the family.
    ///   - patchSize: side of a patch in pixels, 1 to 4,096.
    ///   - mergeSize: patches per side of a token, 1 to 4,096.
    ///   - temporalPatchSize: frames in a patch, 1 to 4,096.
    ///   - windowSize: side of an attention window in pixels, at least one token and at most 2^26; nil without windows.
    ///   - minPixels: minimum area of a resized image in pixels, at least 1.
    ///   - maxPixels: maximum area of a resized image in pixels, `minPixels` to 10^18 - 1.
    ///   - mean: means of red, green and blue, finite; default CLIP's.
    ///   - std: standard deviations of red, green and blue, finite and not 0; default CLIP's.
    ///   - convention: coordinates of the answers.
    /// - Throws: `SaccadeError.input` if a value is out of range.
    public init(
        name: String, patchSize: Int, mergeSize: Int, temporalPatchSize: Int = 2, windowSize: Int? = nil,
        minPixels: Int, maxPixels: Int, mean: [Double] = clipMean, std: [Double] = clipStd,
        convention: CoordinateConvention
    ) throws(SaccadeError) {
        for (label, value) in [
            ("patchSize", patchSize), ("mergeSize", mergeSize), ("temporalPatchSize", temporalPatchSize),
        ] where !(1...4096).contains(value) {
            throw .input("\(label): expected 1 to 4096; got \(value)")
        }
        let sides = patchSize * mergeSize...Int(SACCADE_MAX_SIDE)
        guard patchSize * mergeSize <= sides.upperBound, windowSize.map(sides.contains) ?? true else {
            throw .input(
                "windowSize: expected at least one token, \(patchSize * mergeSize) pixels, and at most "
                    + "\(SACCADE_MAX_SIDE); got \(windowSize ?? 0)")
        }
        guard 1 <= minPixels, minPixels <= maxPixels, maxPixels <= largestArea else {
            throw .input(
                "minPixels, maxPixels: expected 1 <= minPixels <= maxPixels <= \(largestArea); got \(minPixels) and "
                    + "\(maxPixels)")
        }
        guard mean.count == 3, mean.allSatisfy(\.isFinite) else {
            throw .input("mean: expected 3 finite values; got \(brief(mean))")
        }
        guard std.count == 3, std.allSatisfy({ $0.isFinite && $0 != 0 }) else {
            throw .input("std: expected 3 finite values other than 0; got \(brief(std))")
        }
        self.init(
            known: name, patchSize, mergeSize, temporalPatchSize, windowSize, minPixels, maxPixels, mean, std,
            convention)
    }

    /// Creates a family of the table, whose values need no check.
    init(
        known name: String, _ patchSize: Int, _ mergeSize: Int, _ temporalPatchSize: Int, _ windowSize: Int?,
        _ minPixels: Int, _ maxPixels: Int, _ mean: [Double], _ std: [Double], _ convention: CoordinateConvention,
        budgets: [Int] = [], defaultBudget: Int = 1280, isYFirst: Bool = false
    ) {
        self.name = name
        self.patchSize = patchSize
        self.mergeSize = mergeSize
        self.temporalPatchSize = temporalPatchSize
        self.windowSize = windowSize
        self.minPixels = minPixels
        self.maxPixels = maxPixels
        self.mean = mean
        self.std = std
        self.convention = convention
        self.budgets = budgets
        self.defaultBudget = defaultBudget
        self.isYFirst = isYFirst
    }

    /// Side of a token in pixels.
    public var factor: Int { patchSize * mergeSize }

    /// The checkpoints' minimum in tokens, rounded up.
    public var minTokens: Int { (minPixels - 1) / (factor * factor) + 1 }

    /// The checkpoints' maximum in tokens, rounded down.
    public var maxTokens: Int { maxPixels / (factor * factor) }

    /// CLIP's means of red, green and blue.
    public static let clipMean = [0.48145466, 0.4578275, 0.40821073]
    /// CLIP's standard deviations of red, green and blue.
    public static let clipStd = [0.26862954, 0.26130258, 0.27577711]
    private static let halves = [0.5, 0.5, 0.5]

    /// Qwen2-VL: tokens of 28 x 28 pixels, full attention in the vision tower.
    public static let qwen2VL = ModelFamily(
        known: "qwen2-vl", 14, 2, 2, nil, 3136, 12_845_056, clipMean, clipStd, .thousandths)
    /// Qwen2.5-VL: tokens of 28 x 28 pixels, attention in windows of 112 x 112 pixels.
    public static let qwen25VL = ModelFamily(
        known: "qwen2.5-vl", 14, 2, 2, 112, 3136, 12_845_056, clipMean, clipStd, .absolute)
    /// Qwen3-VL: tokens of 32 x 32 pixels, full attention in the vision tower.
    public static let qwen3VL = ModelFamily(
        known: "qwen3-vl", 16, 2, 2, nil, 65536, 16_777_216, halves, halves, .thousandths)

    /// Gemma 4: tokens of 48 x 48 pixels, five budgets, patches in rows from left to right.
    public static let gemma4 = ModelFamily(
        known: "gemma-4", 16, 3, 1, nil, 2304, 2_580_480, [0, 0, 0], [1, 1, 1], .thousandths,
        budgets: [70, 140, 280, 560, 1120], defaultBudget: 280, isYFirst: true)

    /// The known families, oldest first.
    public static let all = [qwen2VL, qwen25VL, qwen3VL, gemma4]

    /// Returns the family with a name.
    ///
    /// - Throws: `SaccadeError.input` if the name is unknown. The message lists the known ones.
    public static func named(_ name: String) throws(SaccadeError) -> ModelFamily {
        for family in all where family.name == name { return family }
        let known = all.map(\.name).joined(separator: ", ")
        throw .input("family: expected one of \(known); got \(brief(name))")
    }
}

/// The largest area that `smartResize` takes.
let largestArea = 999_999_999_999_999_999

/// Returns a value for a message, on one line and at most 80 characters long.
func brief(_ value: Any) -> String {
    let text = String(describing: value).prefix(400).split(whereSeparator: \.isNewline).joined(separator: " ")
    let quoted = value is String ? "\"\(text)\"" : text
    return quoted.count <= 80 ? quoted : quoted.prefix(77) + "..."
}
