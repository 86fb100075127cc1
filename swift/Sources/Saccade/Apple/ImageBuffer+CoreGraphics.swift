#if canImport(CoreGraphics) && canImport(ImageIO)
    import CoreGraphics
    import CSaccade
    import Foundation
    import ImageIO

    extension ImageBuffer {
        /// Creates an image of a `CGImage`, converted to sRGB.
        ///
        /// Transparent parts are put over white. The image keeps its size; `nativePatches` resizes it later, on its
        /// gamma-encoded values, as the models' own preprocessing does.
        ///
        /// - Parameter image: upright; a `CGImage` has no orientation.
        /// - Throws: `SaccadeError.input` if a side is over 2^26 pixels; `SaccadeError.memory` if the pixels do not fit
        ///   into memory.
        public convenience init(_ image: CGImage) throws(SaccadeError) {
            try self.init(image, orientation: .up)
        }

        /// Reads the first image of a file, upright and converted to sRGB.
        ///
        /// - Parameter url: of a file in a format that ImageIO reads.
        /// - Throws: `SaccadeError.input` if there is no such file, or if it is not an image or cut off; else as
        ///   `init(_:)`.
        public convenience init(contentsOf url: URL) throws(SaccadeError) {
            guard url.isFileURL, FileManager.default.fileExists(atPath: url.path) else {
                throw .input("url: expected the URL of an image file; got \(brief(url.absoluteString)), where none is")
            }
            guard let provider = CGDataProvider(filename: url.path),
                let source = CGImageSourceCreateWithDataProvider(provider, nil),
                let image = CGImageSourceCreateImageAtIndex(source, 0, nil)
            else {
                throw .input("url: expected an image that ImageIO reads; got \(brief(url.lastPathComponent))")
            }
            switch CGImageSourceGetStatusAtIndex(source, 0) {
            case .statusUnexpectedEOF, .statusIncomplete:
                throw .input("url: expected a whole image; got \(brief(url.lastPathComponent)), which is cut off")
            default: break
            }
            let properties = CGImageSourceCopyPropertiesAtIndex(source, 0, nil) as? [String: Any]
            let stored = (properties?[kCGImagePropertyOrientation as String] as? NSNumber)?.uint32Value
            try self.init(image, orientation: stored.flatMap(ImageOrientation.init) ?? .up)
        }

        /// Draws a stored image over white in sRGB, and turns it upright.
        convenience init(_ image: CGImage, orientation: ImageOrientation) throws(SaccadeError) {
            let size = PixelSize(width: image.width, height: image.height)
            let sides = 1...Int(SACCADE_MAX_SIDE)
            guard sides.contains(size.width), sides.contains(size.height) else {
                throw .input("image: expected sides of 1 to \(SACCADE_MAX_SIDE) pixels; got \(size)")
            }
            var bytes: [UInt8] = try zeros(4 * size.width * size.height)
            let isDrawn = bytes.withUnsafeMutableBytes { bytes in draw(image, into: bytes, size) }
            guard isDrawn else { throw .memory("out of memory: no bitmap of \(size) pixels could be made") }
            try self.init(
                try orientation.upright(bytes, size), size: orientation.uprightSize(size), format: .bgra)
        }
    }

    /// Draws an image over white as BGRX in sRGB. Returns false if there is no memory for it.
    private func draw(_ image: CGImage, into bytes: UnsafeMutableRawBufferPointer, _ size: PixelSize) -> Bool {
        guard let colors = CGColorSpace(name: CGColorSpace.sRGB),
            let context = CGContext(
                data: bytes.baseAddress, width: size.width, height: size.height, bitsPerComponent: 8,
                bytesPerRow: 4 * size.width, space: colors,
                bitmapInfo: CGImageAlphaInfo.noneSkipFirst.rawValue | CGBitmapInfo.byteOrder32Little.rawValue)
        else { return false }
        let whole = CGRect(x: 0, y: 0, width: size.width, height: size.height)
        context.setFillColor(red: 1, green: 1, blue: 1, alpha: 1)
        context.fill(whole)
        context.draw(image, in: whole)
        return true
    }
#endif
