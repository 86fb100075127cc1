// Captures the main display, prepares it for Qwen2.5-VL, and clicks where an answer says. macOS asks for the permission
// to record the screen at the first run, and for that to control the computer at the first click.
//
//     swift run screen-capture                                      # print the plan and the size of the patches
//     swift run screen-capture '[{"bbox_2d": [600, 300, 700, 340]}]'    # click the center of this box, in model pixels
import CoreGraphics
import CoreMedia
import CoreVideo
import Saccade
import ScreenCaptureKit

/// A display's pixels, and the way from them to the screen's points.
struct Capture {
    let frame: CMSampleBuffer
    /// Top left corner of the display in points.
    let origin: CGPoint
    let pixelsPerPoint: Double

    /// Captures the main display at its full resolution, as BGRA in sRGB.
    static func mainDisplay() async throws -> Capture? {
        guard let display = try await SCShareableContent.current.displays.first else { return nil }
        let filter = SCContentFilter(display: display, excludingWindows: [])
        let scale = Double(filter.pointPixelScale)
        let configuration = SCStreamConfiguration()
        configuration.width = Int(filter.contentRect.width * scale)
        configuration.height = Int(filter.contentRect.height * scale)
        configuration.pixelFormat = kCVPixelFormatType_32BGRA
        configuration.colorSpaceName = CGColorSpace.sRGB
        configuration.showsCursor = false
        let frame = try await SCScreenshotManager.captureSampleBuffer(
            contentFilter: filter, configuration: configuration)
        return Capture(frame: frame, origin: display.frame.origin, pixelsPerPoint: scale)
    }

    /// Converts a point of the capture to the screen.
    func onScreen(_ point: PixelPoint) -> CGPoint {
        CGPoint(x: origin.x + point.x / pixelsPerPoint, y: origin.y + point.y / pixelsPerPoint)
    }
}

func click(_ point: CGPoint) {
    for type in [CGEventType.leftMouseDown, .leftMouseUp] {
        CGEvent(mouseEventSource: nil, mouseType: type, mouseCursorPosition: point, mouseButton: .left)?
            .post(tap: .cghidEventTap)
    }
}

guard let capture = try await Capture.mainDisplay(), let buffer = CMSampleBufferGetImageBuffer(capture.frame) else {
    fatalError("no display to capture")
}
let (plan, patches) = try withPixels(of: buffer) { pixels throws(SaccadeError) in
    let plan = try ImagePlan(size: pixels.size, family: .qwen25VL, budget: 1280)
    return (plan, try nativePatches([pixels], plans: [plan]))
}
print("\(plan.sourceSize) as \(plan.resizedSize): \(plan.tokens) tokens, \(patches.count) bytes of patches")

// A vision tower reads the patches here, and a language model answers.
if let answer = CommandLine.arguments.dropFirst().first, let point = GroundedText(answer, plan: plan).click {
    print("clicking \(capture.onScreen(point))")
    click(capture.onScreen(point))
}
