#if MLXLM
    import Foundation
    import MLX
    import MLXLMCommon
    import MLXVLM
    import Saccade

    /// A processor of mlx-swift-lm whose patches are bit for bit those of transformers' Pillow processor.
    ///
    /// `processing.resize` is not followed, because a budget takes its place: `ChatSession` sets it to 512 x 512 unless told
    /// otherwise. `processing.maxPixels` is the budget of one request. Budgets for single images come in
    /// `additionalContext[ExactProcessor.budgetsKey]`, one `ImageBudget` per image in order.
    public struct ExactProcessor: UserInputProcessor {
        /// The key of budgets in `additionalContext`.
        public static let budgetsKey = "saccade_budgets"

        private let tokenizer: any MLXLMCommon.Tokenizer
        private let family: ModelFamily
        private let budget: ImageBudget?
        private let checkpointPixels: ClosedRange<Int>?
        private let imageToken: Int

        /// Creates a processor.
        ///
        /// - Parameters:
        ///   - configuration: content of preprocessor_config.json.
        ///   - tokenizer: of the checkpoint.
        ///   - family: of the checkpoint.
        ///   - budget: of each image; nil for 1,280 tokens, or the checkpoint's own maximum if that is lower.
        /// - Throws: `SaccadeError.input` for another normalization or patch size than the family's.
        public init(
            configuration: Data, tokenizer: any MLXLMCommon.Tokenizer, family: ModelFamily, budget: ImageBudget?
        ) throws {
            let values = try JSONDecoder().decode(Values.self, from: configuration)
            try values.check(family)
            guard let imageToken = tokenizer.convertTokenToId("<|image_pad|>") else {
                throw SaccadeError.input("tokenizer: expected a token <|image_pad|>; got none")
            }
            self.tokenizer = tokenizer
            self.family = family
            self.budget = budget
            self.imageToken = imageToken
            checkpointPixels = values.pixels
        }

        /// Returns the prompt with its images.
        ///
        /// - Throws: `SaccadeError.input` for a video, or if images and placeholders or budgets do not match.
        public func prepare(input: UserInput) async throws -> LMInput {
            guard input.videos.isEmpty else {
                throw SaccadeError.input(
                    "videos: expected images; got \(input.videos.count) videos. Use the stock processor")
            }
            let messages = Qwen2VLMessageGenerator().generate(from: input)
            var context = input.additionalContext
            let own = context?.removeValue(forKey: Self.budgetsKey)
            let ids = try tokenizer.applyChatTemplate(
                messages: messages, tools: input.tools, additionalContext: context)
            if input.images.isEmpty { return LMInput(tokens: MLXArray(ids)) }
            let plans = try self.plans(input, own)
            var patches: [MLXArray] = []
            for (image, plan) in zip(input.images, plans) {
                let values = try SaccadeProcessors.buffer(image).withPixels { pixels throws(SaccadeError) in
                    try referencePatches([pixels], plans: [plan])
                }
                patches.append(MLXArray(values, [plan.patches, values.count / plan.patches]))
            }
            let prompt = MLXArray(try expanded(ids, plans)).expandedDimensions(axis: 0)
            let frames = plans.map { THW($0.grid.frames, $0.grid.rows, $0.grid.columns) }
            return LMInput(
                text: LMInput.Text(tokens: prompt, mask: ones(like: prompt).asType(.int8)),
                image: LMInput.ProcessedImage(pixels: concatenated(patches), frames: frames))
        }

        private func plans(_ input: UserInput, _ own: (any Sendable)?) throws -> [ImagePlan] {
            let budgets = own as? [ImageBudget]
            guard own == nil || budgets?.count == input.images.count else {
                throw SaccadeError.input(
                    "\(Self.budgetsKey): expected an ImageBudget for each of \(input.images.count) images")
            }
            let request = input.processing.maxPixels.map { ImageBudget.pixels($0) } ?? budget
            return try input.images.enumerated().map { number, image in
                try SaccadeProcessors.plan(
                    image, family: family, budget: budgets?[number] ?? request, checkpointPixels: checkpointPixels)
            }
        }

        /// Repeats each image token as often as its image has visual tokens.
        private func expanded(_ ids: [Int], _ plans: [ImagePlan]) throws -> [Int] {
            guard ids.count(where: { $0 == imageToken }) == plans.count else {
                throw SaccadeError.input("images: expected one place in the prompt for each of \(plans.count) images")
            }
            var next = plans.makeIterator()
            return ids.flatMap { id in
                Array(repeating: id, count: id == imageToken ? next.next()?.tokens ?? 1 : 1)
            }
        }

        /// The values of preprocessor_config.json that decide on pixels.
        private struct Values: Decodable {
            let imageMean: [Double]?
            let imageStd: [Double]?
            let minPixels: Int?
            let maxPixels: Int?
            let patchSize: Int?
            let mergeSize: Int?
            let temporalPatchSize: Int?

            enum CodingKeys: String, CodingKey {
                case imageMean = "image_mean"
                case imageStd = "image_std"
                case minPixels = "min_pixels"
                case maxPixels = "max_pixels"
                case patchSize = "patch_size"
                case mergeSize = "merge_size"
                case temporalPatchSize = "temporal_patch_size"
            }

            /// Limits on the area of a resized image; nil without both.
            var pixels: ClosedRange<Int>? {
                guard let minPixels, let maxPixels, minPixels > 0, minPixels <= maxPixels else { return nil }
                return minPixels...maxPixels
            }

            /// Refuses values that are not the family's.
            func check(_ family: ModelFamily) throws {
                let isSame =
                    (imageMean ?? family.mean) == family.mean && (imageStd ?? family.std) == family.std
                    && (patchSize ?? family.patchSize) == family.patchSize
                    && (mergeSize ?? family.mergeSize) == family.mergeSize
                    && (temporalPatchSize ?? family.temporalPatchSize) == family.temporalPatchSize
                guard isSame else {
                    throw SaccadeError.input(
                        "preprocessor_config.json: expected the normalization and patches of \(family.name); got others. Use "
                            + "the stock processor")
                }
            }
        }
    }
#endif
