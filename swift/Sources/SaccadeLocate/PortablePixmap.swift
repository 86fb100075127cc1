import Foundation
import Saccade
import SaccadeMLX

/// The reader of binary portable pixmaps, PPM (P6) and PGM (P5) with one byte a channel.
enum PortablePixmap {
    /// Reads a file's content; nil if it is no such file.
    ///
    /// - Throws: `ModelError.input` for a file with a damaged header or of the wrong length.
    static func read(_ data: Data, name: String) throws -> ImageBuffer? {
        let magic = data.prefix(2)
        guard magic.elementsEqual("P6".utf8) || magic.elementsEqual("P5".utf8) else { return nil }
        let format: PixelFormat = magic.elementsEqual("P6".utf8) ? .rgb : .grey
        var header = Header(data: data, place: data.startIndex + 2)
        guard let width = header.number(), let height = header.number(), let most = header.number() else {
            throw ModelError.input("\(name): expected width, height and 255 after P6 or P5; got a damaged header")
        }
        let sides = 1...(1 << 26)
        guard most == 255, sides.contains(width), sides.contains(height) else {
            throw ModelError.input(
                "\(name): expected sides of 1 to \(1 << 26) pixels and values up to 255; got \(width)x\(height) and "
                    + "\(most)")
        }
        let pixels = data[header.place...].dropFirst()  // one blank ends the header
        let count = width * height * format.bytesPerPixel
        guard pixels.count >= count else {
            throw ModelError.input("\(name): expected \(count) bytes of pixels; got \(pixels.count)")
        }
        return try ImageBuffer(
            [UInt8](pixels.prefix(count)), size: PixelSize(width: width, height: height), format: format)
    }

    private struct Header {
        let data: Data
        var place: Data.Index

        /// Reads the next number; blanks and comments before it are skipped.
        mutating func number() -> Int? {
            var isComment = false
            while place < data.endIndex {
                let byte = data[place]
                if byte == UInt8(ascii: "#") { isComment = true }
                if byte == 0x0A || byte == 0x0D { isComment = false }
                guard isComment || byte == 0x20 || (0x09...0x0D).contains(byte) else { break }
                place += 1
            }
            let start = place
            while place < data.endIndex, (0x30...0x39).contains(data[place]), place - start < 10 { place += 1 }
            return Int(String(decoding: data[start..<place], as: UTF8.self))
        }
    }
}
