// swift-format-ignore-file
// What the package uses of CoreImage, to type-check its code for Apple platforms where there is none. See README.md.
@_exported import CoreGraphics
import Foundation

public final class CIImage: @unchecked Sendable {
    public init() {}
    public var extent: CGRect { .zero }
}

public struct CIFormat: Sendable {
    public static let RGBA8 = CIFormat()
}

public final class CIContext {
    public init() {}
    public func createCGImage(
        _ image: CIImage, from fromRect: CGRect, format: CIFormat, colorSpace: CGColorSpace?
    ) -> CGImage? { nil }
}
