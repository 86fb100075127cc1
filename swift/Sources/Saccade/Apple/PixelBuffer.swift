#if canImport(CoreVideo) && canImport(CoreGraphics) && canImport(ImageIO)
    import CoreGraphics
    import CoreVideo

    /// Calls a function with the pixels of a `CVPixelBuffer`, such as a frame of a screen capture.
    ///
    /// A buffer in sRGB, or without a color space, is read in place, without a copy. One in another color space is
    /// converted to sRGB first, which copies it; ask ScreenCaptureKit for sRGB to avoid that.
    ///
    /// - Parameters:
    ///   - buffer: of the format `kCVPixelFormatType_32BGRA` or `kCVPixelFormatType_32RGBA`. It is locked for reading
    ///     during the call.
    ///   - body: takes a view of the pixels, which is valid during the call only.
    /// - Throws: `SaccadeError.input` if the buffer has another format or no memory to read; what the function throws.
    public func withPixels<Result>(
        of buffer: CVPixelBuffer, _ body: (ImagePixels) throws(SaccadeError) -> Result
    ) throws(SaccadeError) -> Result {
        let format = try pixelFormat(of: buffer)
        guard CVPixelBufferLockBaseAddress(buffer, .readOnly) == kCVReturnSuccess else {
            throw .input("buffer: expected memory that can be locked for reading; got none")
        }
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        let size = PixelSize(width: CVPixelBufferGetWidth(buffer), height: CVPixelBufferGetHeight(buffer))
        let stride = CVPixelBufferGetBytesPerRow(buffer)
        let (count, overflow) = stride.multipliedReportingOverflow(by: size.height)
        guard let address = CVPixelBufferGetBaseAddress(buffer), !overflow, count > 0 else {
            throw .input("buffer: expected pixels in memory; got none")
        }
        let bytes = UnsafeRawBufferPointer(start: address, count: count)
        let pixels = try ImagePixels(bytes: bytes, size: size, stride: stride, format: format)
        guard let colors = CVImageBufferGetColorSpace(buffer)?.takeUnretainedValue(),
            colors.name.map({ $0 as String }) != CGColorSpace.sRGB as String
        else { return try body(pixels) }
        return try converted(pixels, colors).withPixels(body)
    }

    private func pixelFormat(of buffer: CVPixelBuffer) throws(SaccadeError) -> PixelFormat {
        switch CVPixelBufferGetPixelFormatType(buffer) {
        case kCVPixelFormatType_32BGRA: return .bgra
        case kCVPixelFormatType_32RGBA: return .rgba
        case let other:
            let code = [24, 16, 8, 0].map { Unicode.Scalar(UInt8(truncatingIfNeeded: other >> $0)) }
            throw .input(
                "buffer: expected kCVPixelFormatType_32BGRA; got \(brief(String(code[...]))), \(other). Set the pixel "
                    + "format of the capture")
        }
    }

    /// Returns pixels of another color space in sRGB.
    private func converted(_ pixels: ImagePixels, _ colors: CGColorSpace) throws(SaccadeError) -> ImageBuffer {
        let order: CGBitmapInfo = pixels.format == .bgra ? .byteOrder32Little : .byteOrder32Big
        let alpha: CGImageAlphaInfo = pixels.format == .bgra ? .noneSkipFirst : .noneSkipLast
        // The provider borrows the buffer's memory; the image is drawn before the buffer is unlocked.
        guard
            let address = pixels.bytes.baseAddress,
            let provider = CGDataProvider(
                dataInfo: nil, data: address, size: pixels.bytes.count, releaseData: { _, _, _ in }),
            let image = CGImage(
                width: pixels.size.width, height: pixels.size.height, bitsPerComponent: 8, bitsPerPixel: 32,
                bytesPerRow: pixels.stride, space: colors,
                bitmapInfo: CGBitmapInfo(rawValue: order.rawValue | alpha.rawValue),
                provider: provider, decode: nil, shouldInterpolate: false, intent: .defaultIntent)
        else { throw .memory("out of memory: no image of \(pixels.size) pixels could be made") }
        return try ImageBuffer(image)
    }
#endif
