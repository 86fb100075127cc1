import CSaccade

/// How the channels of a pixel lie, a byte each. A fourth byte is ignored; grey counts as three equal channels.
public enum PixelFormat: Int32, Sendable {
    case rgb = 0
    case rgba = 1
    /// As macOS captures screens.
    case bgra = 2
    case grey = 3

    var bytes: Int { self == .grey ? 1 : self == .rgb ? 3 : 4 }
}

/// Borrowed pixels, read where they lie: rows may be further apart than they are long, as in a `CVPixelBuffer`.
public struct Pixels {
    /// The first byte is the first channel of the top left pixel. Not copied: it has to live as long as it is used.
    public var bytes: UnsafeRawBufferPointer
    /// In pixels, without what lies between the rows.
    public var size: Size
    /// Bytes from one row to the next.
    public var stride: Int
    public var format: PixelFormat

    /// - Parameters:
    ///   - bytes: at least `stride * (size.height - 1)` and one row.
    ///   - size: of the image in pixels.
    ///   - stride: bytes from one row to the next; nil: rows without padding.
    ///   - format: of a pixel.
    public init(bytes: UnsafeRawBufferPointer, size: Size, stride: Int? = nil, format: PixelFormat) {
        self.bytes = bytes
        self.size = size
        self.stride = stride ?? size.width * format.bytes
        self.format = format
    }
}

/// Patches of images for a vision tower: each resized as planned, bit for bit as Pillow 13's BICUBIC, and cut.
///
/// - Parameters:
///   - images: with the sizes their plans were made for. All threads work on all of them together.
///   - plans: one for each image, of one family.
/// - Returns: `[patches, 3 * patchSize * patchSize]`, one image after the other, `plan.patches` each; a patch is
///   (channel, y, x). In window order; in merge-block order for a family without windows.
/// - Throws: `SaccadeError.input` where images and plans do not fit each other or there are none, or where the bytes of
///   an image are fewer than its size and stride need.
public func nativePatches(_ images: [Pixels], plans: [Plan]) throws -> [UInt8] {
    guard let family = plans.first?.family, images.count == plans.count else {
        throw SaccadeError.input(
            "there are \(images.count) images and \(plans.count) plans; give one plan for each, at least one")
    }
    for (i, (image, plan)) in zip(images, plans).enumerated() {
        guard plan.family == family else {
            throw SaccadeError.input("plans[\(i)] is for \(plan.family.name), plans[0] for \(family.name); use one family")
        }
        guard image.size == plan.sourceSize else {
            throw SaccadeError.input(
                "images[\(i)] is \(image.size.width)x\(image.size.height); its plan was made for "
                    + "\(plan.sourceSize.width)x\(plan.sourceSize.height); plan this image anew")
        }
        let (before, overflow) = image.stride.multipliedReportingOverflow(by: image.size.height - 1)
        guard !overflow, before >= 0, image.bytes.count - before >= image.size.width * image.format.bytes else {
            throw SaccadeError.input(
                "images[\(i)] has \(image.bytes.count) bytes, fewer than \(image.size.height) rows \(image.stride) "
                    + "bytes apart")
        }
    }
    let values = 3 * family.patchSize * family.patchSize
    var patches = [UInt8](repeating: 0, count: plans.reduce(0) { $0 + $1.patches * values })
    try patches.withUnsafeMutableBufferPointer { output in
        var next = output.baseAddress
        let batch = zip(images, plans).map { image, plan in
            defer { next = next.map { $0 + plan.patches * values } }
            return saccade_batch_image(
                source: image.bytes.bindMemory(to: UInt8.self).baseAddress, source_width: Int64(image.size.width),
                source_height: Int64(image.size.height), source_stride: Int64(image.stride),
                format: image.format.rawValue, pass_order: SACCADE_PASS_ORDER_PILLOW13,
                target_width: Int64(plan.resizedSize.width), target_height: Int64(plan.resizedSize.height),
                patches: UnsafeMutableRawPointer(next), patches_capacity: Int64(plan.patches * values))
        }
        try check(
            saccade_native_patches_batch(
                batch, Int64(batch.count), Int64(family.patchSize), Int64(family.mergeSize),
                Int64(family.windowSize ?? 0)))
    }
    return patches
}
