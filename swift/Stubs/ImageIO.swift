// swift-format-ignore-file
// What the package uses of ImageIO. See README.md.
import CoreGraphics

public final class CGImageSource {}

public enum CGImageSourceStatus: Int32 {
    case statusUnexpectedEOF = -5
    case statusIncomplete = -1
    case statusComplete = 0
}

public let kCGImagePropertyOrientation: CFString = ""

public func CGImageSourceCreateWithDataProvider(_ provider: CGDataProvider, _ options: CFDictionary?) -> CGImageSource?
{
    nil
}
public func CGImageSourceCreateImageAtIndex(
    _ source: CGImageSource, _ index: Int, _ options: CFDictionary?
) -> CGImage? { nil }
public func CGImageSourceCopyPropertiesAtIndex(
    _ source: CGImageSource, _ index: Int, _ options: CFDictionary?
) -> CFDictionary? { nil }
public func CGImageSourceGetStatusAtIndex(_ source: CGImageSource, _ index: Int) -> CGImageSourceStatus {
    .statusComplete
}
