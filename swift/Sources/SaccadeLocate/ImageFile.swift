import Foundation
import Saccade
import SaccadeMLX

/// The image file of the command line: raw RGB, a portable pixmap, and on Apple platforms what ImageIO reads.
enum ImageFile {
    #if canImport(ImageIO)
        static let formats = "image in any format of ImageIO, or a binary PPM (P6) or PGM (P5)"
    #else
        static let formats = "image as a binary PPM (P6) or PGM (P5)"
    #endif
    // The area of the core's largest side squared would not fit; this is 64 screens of 8K.
    private static let mostBytes = 8 << 30

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - url: of the file.
    ///   - rawSize: size of a file of raw RGB; nil for a file with a header.
    /// - Throws: `ModelError.missingFile`, or `ModelError.input` for a file of another format or size.
    static func read(_ url: URL, rawSize: PixelSize?) throws -> ImageBuffer {
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw ModelError.missingFile("\(url.path): no such file")
        }
        guard let data = try? Data(contentsOf: url, options: .alwaysMapped), data.count <= mostBytes else {
            throw ModelError.input("\(url.path): expected a file of at most \(mostBytes) bytes that can be read")
        }
        if let rawSize { return try raw(url, data, rawSize) }
        if let image = try PortablePixmap.read(data, name: url.path) { return image }
        #if canImport(ImageIO)
            return try ImageBuffer(contentsOf: url)
        #else
            throw ModelError.input(
                "\(url.path): expected a binary PPM (P6) or PGM (P5); got another format. Convert it, or give raw RGB "
                    + "with --raw WIDTHxHEIGHT")
        #endif
    }

    private static func raw(_ url: URL, _ data: Data, _ size: PixelSize) throws -> ImageBuffer {
        let sides = 1...(1 << 26)
        guard sides.contains(size.width), sides.contains(size.height), data.count == size.width * size.height * 3 else {
            throw ModelError.input(
                "\(url.path): expected 3 bytes for each pixel of \(size); got \(data.count) bytes")
        }
        return try ImageBuffer([UInt8](data), size: size, format: .rgb)
    }
}
