/// How a camera stored an image: the values of EXIF's orientation, which `CGImagePropertyOrientation` has too.
enum ImageOrientation: UInt32, CaseIterable {
    case up = 1
    case upMirrored, down, downMirrored, leftMirrored, right, rightMirrored, left

    /// True if rows of the stored image are columns of the upright one.
    var isTurned: Bool { rawValue >= 5 }

    /// Returns the size of the upright image.
    func uprightSize(_ size: PixelSize) -> PixelSize {
        isTurned ? PixelSize(width: size.height, height: size.width) : size
    }

    /// Returns the upright pixels of a stored image.
    ///
    /// - Parameters:
    ///   - bytes: four per pixel, rows without padding.
    ///   - size: of the stored image.
    func upright(_ bytes: [UInt8], _ size: PixelSize) throws(SaccadeError) -> [UInt8] {
        guard self != .up else { return bytes }
        let (width, height) = (size.width, size.height)
        // The place of the first pixel in the upright image, and the steps of one pixel right and down, in pixels.
        let (first, right, down): (Int, Int, Int)
        switch self {
        case .up: (first, right, down) = (0, 1, width)
        case .upMirrored: (first, right, down) = (width - 1, -1, width)
        case .down: (first, right, down) = (width * height - 1, -1, -width)
        case .downMirrored: (first, right, down) = (width * (height - 1), 1, -width)
        case .leftMirrored: (first, right, down) = (0, height, 1)
        case .right: (first, right, down) = (height - 1, height, -1)
        case .rightMirrored: (first, right, down) = (width * height - 1, -height, -1)
        case .left: (first, right, down) = (height * (width - 1), -height, 1)
        }
        var result: [UInt8] = try zeros(bytes.count)
        bytes.withUnsafeBytes { source in
            result.withUnsafeMutableBytes { target in
                for y in 0..<height {
                    var place = first + y * down
                    for x in 0..<width {
                        let pixel = source.loadUnaligned(fromByteOffset: 4 * (y * width + x), as: UInt32.self)
                        target.storeBytes(of: pixel, toByteOffset: 4 * place, as: UInt32.self)
                        place += right
                    }
                }
            }
        }
        return result
    }
}
