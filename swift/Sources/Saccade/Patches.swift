import CSaccade

/// The library whose bytes a resize computes.
///
/// All are antialiased and bicubic, on gamma-encoded values. They round differently between and in the passes.
public enum ResizeBackend: Int32, Hashable, Sendable, CaseIterable {
    /// Pillow up to 12.1: horizontal pass first.
    case pillow12 = 0
    /// Pillow 13: vertical pass first where that is less work.
    case pillow13 = 1
    /// torchvision on uint8 on a CPU. Its normalization in the reference layout differs from Pillow's too.
    case torchvision = 2
}

/// Returns an image resized to RGB, bit for bit as a library's bicubic resize of the image converted to RGB.
///
/// - Parameters:
///   - image: to resize.
///   - size: of the result in pixels, each side 1 to 2^26.
///   - backend: library whose bytes are computed.
/// - Returns: `[size.height, size.width, 3]`.
/// - Throws: `SaccadeError.input` if a side is out of range; `SaccadeError.memory` if the result does not fit into
///   memory.
public func resize(
    _ image: ImagePixels, to size: PixelSize, backend: ResizeBackend = .pillow13
) throws(SaccadeError) -> [UInt8] {
    let sides = 1...Int(SACCADE_MAX_SIDE)
    guard sides.contains(size.width), sides.contains(size.height) else {
        throw .input("size: expected sides of 1 to \(SACCADE_MAX_SIDE) pixels; got \(size)")
    }
    return try filled(3 * size.width * size.height) { target throws(SaccadeError) in
        try check(
            saccade_resize(
                image.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int64(image.size.width),
                Int64(image.size.height),
                Int64(image.stride), image.format.rawValue, Int64(size.width), Int64(size.height), backend.rawValue,
                target.baseAddress, Int64(target.count)))
    }
}

/// Returns the patches of images for a vision tower that reads uint8 patches of one frame. Each image is resized as
/// planned, bit for bit as the backend's bicubic resize.
///
/// A debug build is hundreds of times slower, unless it is built with `-Xcxx -O2`.
///
/// - Parameters:
///   - images: with the source sizes of their plans. All threads share the rows of all images.
///   - plans: one per image, all of one family.
///   - backend: library whose bytes are computed.
/// - Returns: `[patches, 3 * patchSize * patchSize]`: the images concatenated, `plan.patches` patches each. A patch is
///   (channel, y, x). Patches are in window order, or in merge-block order for a family without windows.
/// - Throws: `SaccadeError.input` if there is no image, or if images and plans do not match; `SaccadeError.memory` if
///   the patches do not fit into memory.
public func nativePatches(
    _ images: [ImagePixels], plans: [ImagePlan], backend: ResizeBackend = .pillow13
) throws(SaccadeError) -> [UInt8] {
    let family = try nativeFamily(images, plans)
    return try filled(try elements(plans, frames: 1)) { output throws(SaccadeError) in
        try fillNative(output, images, plans, family, backend)
    }
}

/// Writes what `nativePatches(_:plans:backend:)` returns into the caller's memory.
///
/// - Parameters:
///   - images: as there. Their memory must not overlap `output`.
///   - plans: as there.
///   - output: memory for at least the elements of the result; what follows them is untouched.
///   - backend: as there.
/// - Throws: the errors of the other form; `SaccadeError.input` also if `output` is too small. After an error of input
///   `output` is untouched.
public func nativePatches(
    _ images: [ImagePixels], plans: [ImagePlan], into output: UnsafeMutableBufferPointer<UInt8>,
    backend: ResizeBackend = .pillow13
) throws(SaccadeError) {
    let family = try nativeFamily(images, plans)
    try require(UnsafeRawBufferPointer(output), images, atLeast: try elements(plans, frames: 1), of: UInt8.self)
    try fillNative(output, images, plans, family, backend)
}

/// Returns the normalized patches of images, bit for bit as transformers' image processor of the backend.
///
/// - Parameters:
///   - images: with the source sizes of their plans. All threads share the rows of all images.
///   - plans: one per image, all of one family.
///   - backend: library whose bytes are computed.
/// - Returns: `[patches, 3 * temporalPatchSize * patchSize * patchSize]`: the images concatenated, in merge-block order.
///   A patch is (channel, frame, y, x), with the same image in each frame. Gemma 4's are values in 0 to 1, a patch
///   (y, x, channel), in rows from left to right, without padding.
/// - Throws: as `nativePatches(_:plans:backend:)`.
public func referencePatches(
    _ images: [ImagePixels], plans: [ImagePlan], backend: ResizeBackend = .pillow13
) throws(SaccadeError) -> [Float] {
    let family = try matchedFamily(images, plans)
    return try filled(try elements(plans, frames: family.temporalPatchSize)) { output throws(SaccadeError) in
        try fillReference(output, images, plans, family, backend)
    }
}

/// Writes what `referencePatches(_:plans:backend:)` returns into the caller's memory.
///
/// - Parameters:
///   - images: as there. Their memory must not overlap `output`.
///   - plans: as there.
///   - output: memory for at least the elements of the result; what follows them is untouched.
///   - backend: as there.
/// - Throws: the errors of the other form; `SaccadeError.input` also if `output` is too small. After an error of input
///   `output` is untouched.
public func referencePatches(
    _ images: [ImagePixels], plans: [ImagePlan], into output: UnsafeMutableBufferPointer<Float>,
    backend: ResizeBackend = .pillow13
) throws(SaccadeError) {
    let family = try matchedFamily(images, plans)
    let count = try elements(plans, frames: family.temporalPatchSize)
    try require(UnsafeRawBufferPointer(output), images, atLeast: count, of: Float.self)
    try fillReference(output, images, plans, family, backend)
}

/// Returns the family of plans that match their images, if a tower of it reads native patches.
private func nativeFamily(_ images: [ImagePixels], _ plans: [ImagePlan]) throws(SaccadeError) -> ModelFamily {
    let family = try matchedFamily(images, plans)
    guard family.budgets.isEmpty else {
        throw .input(
            "plans: expected a family of Qwen; got \(family.name). Call referencePatches, which its tower reads")
    }
    return family
}

/// Returns the family of plans that match their images.
private func matchedFamily(_ images: [ImagePixels], _ plans: [ImagePlan]) throws(SaccadeError) -> ModelFamily {
    guard let family = plans.first?.family, images.count == plans.count else {
        throw .input(
            "images, plans: expected one plan per image, at least one; got \(images.count) images, "
                + "\(plans.count) plans")
    }
    for (i, (image, plan)) in zip(images, plans).enumerated() {
        guard plan.family == family else {
            throw .input(
                "plans[\(i)]: expected the family of plans[0], \(family.name); got \(plan.family.name)"
                    + (plan.family.name == family.name ? " with other values" : "") + ". Call once per model")
        }
        guard image.size == plan.sourceSize else {
            throw .input(
                "images[\(i)]: expected the planned size, \(plan.sourceSize); got \(image.size). Plan this image again")
        }
    }
    return family
}

/// Returns the number of elements in the patches of all plans.
private func elements(_ plans: [ImagePlan], frames: Int) throws(SaccadeError) -> Int {
    var total = 0
    for plan in plans {
        let values = 3 * frames * plan.family.patchSize * plan.family.patchSize
        let (product, overflow) = plan.patches.multipliedReportingOverflow(by: values)
        let (sum, overflows) = total.addingReportingOverflow(product)
        guard !overflow, !overflows else { throw .memory("out of memory: the patches do not fit") }
        total = sum
    }
    return total
}

/// Checks the caller's memory: its size, and that no image is in it.
private func require<Element>(
    _ output: UnsafeRawBufferPointer, _ images: [ImagePixels], atLeast needed: Int, of type: Element.Type
) throws(SaccadeError) {
    let count = output.count / MemoryLayout<Element>.stride
    guard count >= needed, let start = output.baseAddress else {
        throw .input("output: expected memory for \(needed) elements; got \(count)")
    }
    for (i, image) in images.enumerated() {
        guard let first = image.bytes.baseAddress else { continue }
        guard first + image.bytes.count <= start || start + output.count <= first else {
            throw .input("images[\(i)]: expected memory apart from output; got pixels that overlap it")
        }
    }
}

private func fillNative(
    _ output: UnsafeMutableBufferPointer<UInt8>, _ images: [ImagePixels], _ plans: [ImagePlan], _ family: ModelFamily,
    _ backend: ResizeBackend
) throws(SaccadeError) {
    let batch = batch(output, images, plans, frames: 1, backend)
    try check(
        saccade_resize_patchify_native_batch(
            batch, Int64(batch.count), Int64(family.patchSize), Int64(family.mergeSize),
            Int64(family.windowSize ?? 0)))
}

private func fillReference(
    _ output: UnsafeMutableBufferPointer<Float>, _ images: [ImagePixels], _ plans: [ImagePlan], _ family: ModelFamily,
    _ backend: ResizeBackend
) throws(SaccadeError) {
    guard family.budgets.isEmpty else {
        try fillRows(output, images, plans, backend)
        return
    }
    let batch = batch(output, images, plans, frames: family.temporalPatchSize, backend)
    try check(
        saccade_resize_patchify_reference_batch(
            batch, Int64(batch.count), Int64(family.patchSize), Int64(family.mergeSize),
            Int64(family.temporalPatchSize), family.mean, family.std))
}

/// Writes Gemma 4's patches: values in 0 to 1, a patch (y, x, channel), in rows from left to right.
private func fillRows(
    _ output: UnsafeMutableBufferPointer<Float>, _ images: [ImagePixels], _ plans: [ImagePlan],
    _ backend: ResizeBackend
) throws(SaccadeError) {
    // transformers multiplies in double with Pillow, in float with torchvision.
    let values = (0..<256).map {
        backend == .torchvision ? Float($0) * Float(1.0 / 255) : Float(Double($0) * (1.0 / 255))
    }
    var next = 0
    for (image, plan) in zip(images, plans) {
        let pixels = try resize(image, to: plan.resizedSize, backend: backend)
        let (side, width) = (plan.family.patchSize, plan.resizedSize.width)
        for top in stride(from: 0, to: plan.resizedSize.height, by: side) {
            for left in stride(from: 0, to: width, by: side) {
                for y in top..<top + side {
                    for place in 3 * (y * width + left)..<3 * (y * width + left + side) {
                        output[next] = values[Int(pixels[place])]
                        next += 1
                    }
                }
            }
        }
    }
}

/// Returns the core's form of images that write their patches into `output`, one image after the other.
private func batch<Element>(
    _ output: UnsafeMutableBufferPointer<Element>, _ images: [ImagePixels], _ plans: [ImagePlan], frames: Int,
    _ backend: ResizeBackend
) -> [saccade_batch_image] {
    var next = output.baseAddress
    return zip(images, plans).map { image, plan in
        let count = plan.patches * 3 * frames * plan.family.patchSize * plan.family.patchSize
        defer { next = next.map { $0 + count } }
        return saccade_batch_image(
            source: image.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), source_width: Int64(image.size.width),
            source_height: Int64(image.size.height), source_stride: Int64(image.stride),
            format: image.format.rawValue, backend: backend.rawValue,
            target_width: Int64(plan.resizedSize.width), target_height: Int64(plan.resizedSize.height),
            patches: UnsafeMutableRawPointer(next), patches_capacity: Int64(count))
    }
}
