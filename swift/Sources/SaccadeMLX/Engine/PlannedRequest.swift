import MLX
import Saccade

/// A conversation as the model reads it: the ids of its prompt, and its images with their plans.
struct PlannedRequest {
    /// Ids of the prompt, each image as many tokens as its plan says.
    let ids: [Int]
    /// The images in order, and the region of each.
    let images: [(image: ImageBuffer, region: ImageCrop)]
    /// The plan of each region.
    let plans: [ImagePlan]

    /// Plans the images of a conversation and encodes its words.
    ///
    /// - Parameters:
    ///   - messages: at least one.
    ///   - template: of the checkpoint.
    ///   - maxPositions: tokens that the model can read.
    ///   - plan: returns the plan of a size under an image's own budget, nil if it has none.
    /// - Throws: `ModelError.input` without a message, for a region outside its image, or for too many tokens; the errors
    ///   of `plan`.
    init(
        _ messages: [ChatMessage], _ template: PromptTemplate, maxPositions: Int,
        plan: (PixelSize, ImageBudget?) throws -> ImagePlan
    ) throws {
        guard !messages.isEmpty else { throw ModelError.input("messages: expected at least one; got none") }
        var (images, plans): ([(image: ImageBuffer, region: ImageCrop)], [ImagePlan]) = ([], [])
        let written = try messages.map { message in
            PromptTemplate.Message(
                role: message.role.rawValue,
                parts: try message.parts.map { part in
                    switch part {
                    case .text(let text): return .text(text)
                    case .image(let image, let region, let budget):
                        let region = region ?? ImageCrop(whole: image)
                        try region.check(image)
                        let plan = try plan(region.size, budget)
                        images.append((image, region))
                        plans.append(plan)
                        return .image(tokens: plan.tokens)
                    }
                })
        }
        ids = template.encode(written)
        (self.images, self.plans) = (images, plans)
        guard ids.count < maxPositions else {
            throw ModelError.input(
                "messages: expected fewer than the \(maxPositions) tokens that the model can read; got \(ids.count), "
                    + "\(imageTokens) of them for images. Lower the budget")
        }
    }

    /// Visual tokens of all images.
    var imageTokens: Int { plans.reduce(0) { $0 + $1.tokens } }

    /// Predicts the memory of this request if no image has more than so many tokens.
    func peak(_ model: VisionLanguageModel, answer: Int, mostTokens: Int = .max) -> Int {
        let unit = model.config.vision.unit
        let tokens = plans.map { min($0.tokens, mostTokens) }
        return Device.withDefaultDevice(Backend.device) {
            model.estimate(
                patches: tokens.map { $0 * unit }, prompt: ids.count - imageTokens + tokens.reduce(0, +),
                answer: min(answer, model.config.text.maxPositions)
            ).peak
        }
    }

    /// Returns the error for a request above the memory limit, with the largest budget that fits.
    func tooLarge(_ model: VisionLanguageModel, answer: Int, needed: Int, limit: Int) -> ModelError {
        var (fits, fails) = (0, plans.map(\.tokens).max() ?? 1)
        while fails - fits > 1 {
            let middle = (fits + fails) / 2
            if peak(model, answer: answer, mostTokens: middle) <= limit { fits = middle } else { fails = middle }
        }
        let advice =
            fits >= 4
            ? "the largest budget that fits is \(fits) tokens an image" : "no budget fits: load a smaller model"
        return .memory(
            "the request needs about \(needed / 1_000_000) MB, and the memory limit is \(limit / 1_000_000) MB; \(advice)"
        )
    }
}
