// swift-format-ignore-file
// What the screen-capture example uses of CoreMedia. See README.md.
import CoreVideo

public final class CMSampleBuffer {
    public init() {}
}
public func CMSampleBufferGetImageBuffer(_ buffer: CMSampleBuffer) -> CVImageBuffer? { nil }
