// swift-format-ignore-file
// What the package uses of CoreGraphics, to type-check its code for Apple platforms where there is none. See README.md.
@_exported import Foundation

public typealias CFString = String
public typealias CFDictionary = NSDictionary

public final class CGColorSpace: Sendable {
    public static let sRGB: CFString = ""
    public init?(name: CFString) {}
    public var name: CFString? { nil }
}

public enum CGImageAlphaInfo: UInt32, Sendable {
    case noneSkipLast = 5
    case noneSkipFirst = 6
}

public struct CGBitmapInfo: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let byteOrder32Little = CGBitmapInfo(rawValue: 2 << 12)
    public static let byteOrder32Big = CGBitmapInfo(rawValue: 4 << 12)
}

public enum CGColorRenderingIntent: Int32, Sendable { case defaultIntent = 0 }

public typealias CGDataProviderReleaseDataCallback =
    @convention(c) (UnsafeMutableRawPointer?, UnsafeRawPointer, Int) -> Void

public final class CGDataProvider {
    public init?(filename: UnsafePointer<CChar>) {}
    public init?(
        dataInfo: UnsafeMutableRawPointer?, data: UnsafeRawPointer, size: Int,
        releaseData: CGDataProviderReleaseDataCallback
    ) {}
}

public final class CGImage: @unchecked Sendable {
    public init?(
        width: Int, height: Int, bitsPerComponent: Int, bitsPerPixel: Int, bytesPerRow: Int, space: CGColorSpace,
        bitmapInfo: CGBitmapInfo, provider: CGDataProvider, decode: UnsafePointer<CGFloat>?, shouldInterpolate: Bool,
        intent: CGColorRenderingIntent
    ) {}
    public var width: Int { 0 }
    public var height: Int { 0 }
}

public final class CGContext {
    public init?(
        data: UnsafeMutableRawPointer?, width: Int, height: Int, bitsPerComponent: Int, bytesPerRow: Int,
        space: CGColorSpace, bitmapInfo: UInt32
    ) {}
    public func setFillColor(red: CGFloat, green: CGFloat, blue: CGFloat, alpha: CGFloat) {}
    public func fill(_ rect: CGRect) {}
    public func draw(_ image: CGImage, in rect: CGRect, byTiling: Bool = false) {}
}

public enum CGMouseButton: UInt32 { case left = 0 }
public enum CGEventType: UInt32 {
    case leftMouseDown = 1
    case leftMouseUp = 2
}
public enum CGEventTapLocation: UInt32 { case cghidEventTap = 0 }
public final class CGEventSource {}
public final class CGEvent {
    public init?(
        mouseEventSource: CGEventSource?, mouseType: CGEventType, mouseCursorPosition: CGPoint,
        mouseButton: CGMouseButton
    ) {}
    public func post(tap: CGEventTapLocation) {}
}
