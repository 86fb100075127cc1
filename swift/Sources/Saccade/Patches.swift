import CSaccade

/// The order of a pixel's channels, one byte each. A fourth byte is ignored. Grey is read as three equal channels.
public enum PixelFormat: Int32, Sendable {
    case rgb = 0
    case rgba = 1
    /// Screen captures of macOS.
    case bgra = 2
    case grey = 3

    /// Bytes per pixel.
    var bytes: Int { self == .grey ? 1 : self == .rgb ? 3 : 4 }
}

/// A view of an image's pixels, read in place. Rows may have padding, as in a `CVPixelBuffer`.
public struct Pixels {
    /// The memory, from the first channel of the top left pixel. Not copied, so it must outlive every use.
    public var bytes: UnsafeRawBufferPointer
    /// Size in pixels, without padding.
    public var size: Size
    /// Bytes between row starts.
    public var stride: Int
    /// Order of a pixel's channels.
    public var format: PixelFormat

    /// Creates a view.
    ///
    /// - Parameters:
    ///   - bytes: at least `stride * (size.height - 1)` bytes and one row.
    ///   - size: of the image in pixels.
    ///   - stride: bytes between row starts; nil for rows without padding.
    ///   - format: order of a pixel's channels.
    public init(bytes: UnsafeRawBufferPointer, size: Size, stride: Int? = nil, format: PixelFormat) {
        self.bytes = bytes
        self.size = size
        self.stride = stride ?? size.width * format.bytes
        self.format = format
    }
}

/// Returns the patches of images for a vision tower. Each image is resized as planned, bit for bit as Pillow 13's
/// BICUBIC.
///
/// - Parameters:
///   - images: with the source sizes of their plans. All threads share the rows of all images.
///   - plans: one per image, all of one family.
/// - Returns: `[patches, 3 * patchSize * patchSize]`: the images concatenated, `plan.patches` patches each. A patch is
///   (channel, y, x). Patches are in window order, or in merge-block order for a family without windows.
/// - Throws: `SaccadeError.input` if there is no image, if images and plans do not match, or if an image has fewer
///   bytes than its size and stride need.
public func nativePatches(_ images: [Pixels], plans: [Plan]) throws -> [UInt8] {
    guard let family = plans.first?.family, images.count == plans.count else {
        throw SaccadeError.input(
            "images, plans: expected one plan per image, at least one; got \(images.count) images, "
                + "\(plans.count) plans")
    }
    for (i, (image, plan)) in zip(images, plans).enumerated() {
        guard plan.family == family else {
            throw SaccadeError.input(
                "plans[\(i)]: expected the family of plans[0], \(family.name); got \(plan.family.name)")
        }
        guard image.size == plan.sourceSize else {
            throw SaccadeError.input(
                "images[\(i)]: expected the planned size, \(plan.sourceSize.width)x\(plan.sourceSize.height); got "
                    + "\(image.size.width)x\(image.size.height). Plan this image again")
        }
        let (before, overflow) = image.stride.multipliedReportingOverflow(by: image.size.height - 1)
        guard !overflow, before >= 0, image.bytes.count - before >= image.size.width * image.format.bytes else {
            throw SaccadeError.input(
                "images[\(i)]: expected \(image.size.height) rows with a stride of \(image.stride) bytes; got "
                    + "\(image.bytes.count) bytes")
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
            saccade_resize_patchify_native_batch(
                batch, Int64(batch.count), Int64(family.patchSize), Int64(family.mergeSize),
                Int64(family.windowSize ?? 0)))
    }
    return patches
}
