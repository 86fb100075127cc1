// Prepares a screenshot for a Qwen-VL model and reads its answer: the whole way but for the model.
//
//     swift run GroundScreenshot screen.ppm                                       # print the plan
//     swift run GroundScreenshot screen.ppm '[{"bbox_2d": [600, 300, 700, 340]}]' # and where the answer points
//
// It reads binary PPM (P6) files, so that it needs no image library: `convert screen.png screen.ppm` makes one.
import Foundation
import Saccade

/// Reads a PPM file of 8 bits.
func readPPM(_ path: String) throws -> ImageBuffer {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    var position = 0
    func word() -> String {
        while position < bytes.count, bytes[position] <= 32 { position += 1 }
        let start = position
        while position < bytes.count, bytes[position] > 32 { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }
    let (magic, width, height, most) = (word(), Int(word()), Int(word()), word())
    guard magic == "P6", let width, let height, most == "255", position < bytes.count else {
        throw SaccadeError.input("\(path): expected a binary PPM (P6) of 8 bits")
    }
    return try ImageBuffer(
        Array(bytes[(position + 1)...]), size: PixelSize(width: width, height: height), format: .rgb)
}

func run() throws {
    let arguments = CommandLine.arguments.dropFirst()
    guard let path = arguments.first, arguments.count <= 2 else {
        throw SaccadeError.input("expected a PPM file, and the text of an answer if you have one")
    }
    let image = try readPPM(path)
    let plan = try ImagePlan(size: image.size, family: .qwen25VL, budget: 1280)
    let patches = try image.withPixels { pixels throws(SaccadeError) in
        try nativePatches([pixels], plans: [plan])
    }
    print("\(plan.sourceSize) as \(plan.resizedSize): \(plan.tokens) tokens, \(patches.count) bytes of patches")
    // A vision tower reads the patches here, and a language model answers.
    guard let answer = arguments.dropFirst().first else { return }
    let grounded = GroundedText(answer, plan: plan)
    for box in grounded.boxes { print("\(box.label.isEmpty ? "box" : box.label): \(box.box)") }
    for note in grounded.notes + grounded.rejected.map(\.reason) { print("note: \(note)") }
    if let click = grounded.click { print("click \(click.x) \(click.y)") }
}

do {
    try run()
} catch {
    FileHandle.standardError.write(Data("\(error.localizedDescription)\n".utf8))
    exit(2)
}
