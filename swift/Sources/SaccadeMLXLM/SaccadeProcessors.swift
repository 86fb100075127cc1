#if MLXLM
    import CoreGraphics
    import CoreImage
    import Foundation
    import MLX
    import MLXLMCommon
    import MLXVLM
    import Saccade

    /// Saccade's pixels for apps that use mlx-swift-lm.
    ///
    /// ```swift
    /// await SaccadeProcessors.register(budget: 1280)  // before a model is loaded
    /// let boxes = GroundedText(answer, plan: try SaccadeProcessors.plan(image, family: .qwen25VL, budget: 1280)).boxes
    /// ```
    ///
    /// From then on Qwen2-VL and Qwen2.5-VL get their images bit for bit as in Python, within the budget.
    public enum SaccadeProcessors {
        /// Replaces the processors of Qwen2-VL and Qwen2.5-VL in the shared registry.
        ///
        /// - Parameter budget: of each image; nil for 1,280 tokens, or the checkpoint's own maximum if that is lower.
        public static func register(budget: ImageBudget? = nil) async {
            let families = [("Qwen2VLProcessor", ModelFamily.qwen2VL), ("Qwen2_5_VLProcessor", .qwen25VL)]
            for (name, family) in families {
                await VLMProcessorTypeRegistry.shared.registerProcessorType(name) { data, tokenizer in
                    try ExactProcessor(configuration: data, tokenizer: tokenizer, family: family, budget: budget)
                }
            }
        }

        /// Returns the plan of an image, which maps an answer back to its pixels.
        ///
        /// - Parameters:
        ///   - image: as it was given to the model.
        ///   - family: of the model.
        ///   - budget: as in `register`, or the image's own.
        ///   - checkpointPixels: minimum and maximum area of the checkpoint; nil for those of the family.
        public static func plan(
            _ image: UserInput.Image, family: ModelFamily, budget: ImageBudget? = nil,
            checkpointPixels: ClosedRange<Int>? = nil
        ) throws -> ImagePlan {
            let size = try buffer(image).size
            return try ImagePlan(size: size, family: family, budget: budget, checkpointPixels: checkpointPixels)
        }

        /// Returns the pixels of an image, upright and in sRGB.
        static func buffer(_ image: UserInput.Image) throws -> ImageBuffer {
            if case .url(let url) = image { return try ImageBuffer(contentsOf: url) }
            let picture = try image.asCIImage()
            guard let space = CGColorSpace(name: CGColorSpace.sRGB),
                let bitmap = CIContext().createCGImage(picture, from: picture.extent, format: .RGBA8, colorSpace: space)
            else { throw SaccadeError.input("image: expected an image that can be drawn; got \(picture.extent)") }
            return try ImageBuffer(bitmap)
        }
    }
#endif
