// swift-format-ignore-file
// What the package uses of mlx-swift in code for Apple platforms, to type-check it where there is no Metal. On Linux the
// rest of the code is compiled against mlx-swift itself. See README.md.
infix operator .<= : ComparisonPrecedence

public enum DType: Hashable, Sendable { case float32, float16, bfloat16, int32, int8 }

public enum DeviceType: Sendable { case cpu, gpu }

public final class Device: Sendable {
    public static let cpu = Device()
    public static let gpu = Device()
    public var deviceType: DeviceType? { nil }
    public static func defaultDevice() -> Device { cpu }
    public static func withDefaultDevice<R>(_ device: Device, _ body: () throws -> R) rethrows -> R { try body() }
}

public enum MLXError: Error, Equatable {
    case caught(String)
    public var errorDescription: String? { nil }
}

public func withError<R>(_ body: () throws -> R) throws -> R { try body() }
public func checkedEval(_ values: Any...) throws {}

public final class MLXArray {
    public init(_ value: Float) {}
    public init(_ range: Range<Int32>) {}
    public init(_ values: [Int]) {}
    public init(_ values: [Float], _ shape: [Int]? = nil) {}
    public var dtype: DType { .float32 }
    public func dim(_ axis: Int) -> Int { 0 }
    public func asType(_ type: DType) -> MLXArray { self }
    public func mean(axis: Int, keepDims: Bool = false) -> MLXArray { self }
    public func sqrt() -> MLXArray { self }
    public func reshaped(_ shape: Int...) -> MLXArray { self }
    public func expandedDimensions(axis: Int) -> MLXArray { self }
    public func swappedAxes(_ a: Int, _ b: Int) -> MLXArray { self }
    public static func + (a: MLXArray, b: MLXArray) -> MLXArray { a }
    public static func + (a: MLXArray, b: Float) -> MLXArray { a }
    public static func - (a: MLXArray, b: MLXArray) -> MLXArray { a }
    public static func * (a: MLXArray, b: MLXArray) -> MLXArray { a }
    public static func .<= (a: MLXArray, b: MLXArray) -> MLXArray { a }
}

public func rsqrt(_ x: MLXArray) -> MLXArray { x }
public func sigmoid(_ x: MLXArray) -> MLXArray { x }
public func erf(_ x: MLXArray) -> MLXArray { x }
public func matmul(_ a: MLXArray, _ b: MLXArray) -> MLXArray { a }
public func which(_ condition: MLXArray, _ a: MLXArray, _ b: MLXArray) -> MLXArray { a }
public func softmax(_ x: MLXArray, axis: Int, precise: Bool = false) -> MLXArray { x }
public func ones(like x: MLXArray) -> MLXArray { x }
public func concatenated(_ arrays: [MLXArray], axis: Int = 0) -> MLXArray { arrays[0] }

public enum MLXFast {
    public enum ScaledDotProductAttentionMaskMode { case none, causal }
    public static func rmsNorm(_ x: MLXArray, weight: MLXArray, eps: Float) -> MLXArray { x }
    public static func layerNorm(
        _ x: MLXArray, weight: MLXArray? = nil, bias: MLXArray? = nil, eps: Float
    ) -> MLXArray { x }
    public static func scaledDotProductAttention(
        queries: MLXArray, keys: MLXArray, values: MLXArray, scale: Float, mask: ScaledDotProductAttentionMaskMode
    ) -> MLXArray { queries }
}
