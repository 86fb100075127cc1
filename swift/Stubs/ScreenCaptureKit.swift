// swift-format-ignore-file
// What the screen-capture example uses of ScreenCaptureKit. See README.md.
import CoreGraphics
import CoreMedia
import CoreVideo

public final class SCDisplay {
    public var frame: CGRect { .zero }
}
public final class SCWindow {}

public final class SCShareableContent {
    public static var current: SCShareableContent { get async throws { SCShareableContent() } }
    public var displays: [SCDisplay] { [] }
}

public final class SCContentFilter {
    public init(display: SCDisplay, excludingWindows: [SCWindow]) {}
    public var contentRect: CGRect { .zero }
    public var pointPixelScale: Float { 1 }
}

public final class SCStreamConfiguration {
    public init() {}
    public var width = 0
    public var height = 0
    public var pixelFormat: OSType = 0
    public var colorSpaceName: CFString = ""
    public var showsCursor = true
}

public enum SCScreenshotManager {
    public static func captureSampleBuffer(
        contentFilter: SCContentFilter, configuration: SCStreamConfiguration
    ) async throws -> CMSampleBuffer { CMSampleBuffer() }
}
