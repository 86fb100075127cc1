import Foundation
import MLX
import Saccade

/// A loaded vision-language model that answers questions about images, and finds what a description names.
///
/// One model is one actor: MLX's arrays cannot cross tasks, so only values pass in and out. A question can be cancelled
/// between two tokens, two parts of a prompt, and two parts of an image.
public actor GroundingModel {
    private nonisolated let executor: QueueExecutor
    /// The queue on which the model computes.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Family of the checkpoint.
    public nonisolated let family: ModelFamily
    /// Limits of the checkpoint on the area of a resized image, in pixels; nil if it has none.
    public nonisolated let pixelLimits: ClosedRange<Int>?
    /// Sentences on values of the checkpoint that something else overrides.
    public nonisolated let notes: [String]
    /// Keys of config.json that change nothing and are not read; those of nested objects as "object.key".
    public nonisolated let ignoredKeys: [String]
    /// Most bytes that weights and a request may take.
    public nonisolated let memoryLimit: Int

    private let model: VisionLanguageModel
    private let template: PromptTemplate
    private nonisolated let tokenizer: Tokenizer
    private var cache: FeatureCache

    /// Loads a checkpoint folder: Qwen2-VL or Qwen2.5-VL, float or quantized by MLX.
    ///
    /// It reads all weights before it returns. Where that would hold up others, use `load`.
    ///
    /// - Parameters:
    ///   - folder: with config.json, model.safetensors or its shards, tokenizer.json and a chat template.
    ///   - options: precision and limits.
    /// - Throws: `ModelError`: a file that is missing or damaged, another architecture, or what is not implemented. The
    ///   message names file and key.
    public init(folder: URL, options: LoadOptions = LoadOptions()) throws {
        guard options.memoryLimit > 0, options.cacheLimit >= 0 else {
            throw ModelError.input(
                "memoryLimit, cacheLimit: expected bytes above 0, and at least 0; got \(options.memoryLimit) and "
                    + "\(options.cacheLimit)")
        }
        model = try Backend.run {
            try VisionLanguageModel(folder: folder, precision: options.precision, memoryLimit: options.memoryLimit)
        }
        tokenizer = try Tokenizer(folder.appendingPathComponent("tokenizer.json"))
        template = try PromptTemplate(folder, tokenizer, model.config)
        cache = FeatureCache(limit: options.cacheLimit)
        executor = QueueExecutor(label: "saccade.model")
        family = model.config.family
        pixelLimits = model.pixels.limits.map { $0.minPixels...$0.maxPixels }
        notes = model.config.notes
        ignoredKeys = model.config.ignored
        memoryLimit = options.memoryLimit
    }

    /// Loads a checkpoint folder on a thread of its own; see `init`.
    public static func load(folder: URL, options: LoadOptions = LoadOptions()) async throws -> GroundingModel {
        try await Task.detached(priority: .userInitiated) {
            try GroundingModel(folder: folder, options: options)
        }.value
    }

    /// Returns the plan of an image, as the model will read it.
    ///
    /// - Throws: `SaccadeError.input` as `ImagePlan`.
    public nonisolated func plan(_ size: PixelSize, budget: ImageBudget? = nil) throws -> ImagePlan {
        try ImagePlan(size: size, family: family, budget: budget, checkpointPixels: pixelLimits)
    }

    /// Predicts the memory of a question before it runs.
    ///
    /// - Parameters:
    ///   - plans: of its images.
    ///   - words: tokens of the prompt beside the images; 64 is enough for a short question.
    ///   - answer: most tokens of the answer.
    public func estimate(_ plans: [ImagePlan], words: Int = 64, answer: Int = 256) -> MemoryEstimate {
        let most = 1 << 30
        return Device.withDefaultDevice(Backend.device) {
            model.estimate(
                patches: plans.map(\.patches), prompt: plans.reduce(min(max(words, 1), most)) { $0 + $1.tokens },
                answer: min(max(answer, 1), most))
        }
    }

    /// Asks a question about images, or without any.
    ///
    /// - Parameters:
    ///   - question: not empty.
    ///   - images: shown before the question, in order.
    ///   - options: of the answer.
    /// - Throws: `ModelError` or `SaccadeError` for an input that cannot be used, `CancellationError` if the task is
    ///   cancelled.
    public func ask(
        _ question: String, about images: [ImageBuffer] = [], options: AnswerOptions = AnswerOptions()
    ) async throws -> Answer {
        try await chat([ChatMessage(.user, Self.parts(question, images, "question"))], options: options)
    }

    /// Continues a conversation.
    ///
    /// - Parameters:
    ///   - messages: at least one; the first may be the system's.
    ///   - options: of the answer.
    /// - Throws: as `ask`.
    public func chat(_ messages: [ChatMessage], options: AnswerOptions = AnswerOptions()) async throws -> Answer {
        try await answer(messages, options) { _ in }
    }

    /// Continues a conversation, and gives the words as they come. Ending the loop cancels the question.
    ///
    /// - Returns: the words, and last the whole answer; its errors are those of `ask`.
    public nonisolated func stream(
        _ messages: [ChatMessage], options: AnswerOptions = AnswerOptions()
    ) -> AsyncThrowingStream<AnswerEvent, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    let answer = try await self.answer(messages, options) { continuation.yield(.text($0)) }
                    continuation.yield(.answer(answer))
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// Drops all cached images.
    public func clearCache() { cache.makeRoom(0) }

    /// Bytes of cached images.
    public var cachedBytes: Int { cache.bytes }

    /// Returns the parts of a message: the images, then the words.
    static func parts(_ text: String, _ images: [ImageBuffer], _ name: String) throws -> [ChatMessage.Part] {
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw ModelError.input("\(name): expected words; got \(brief(text))")
        }
        return images.map { .image($0) } + [.text(text)]
    }

    /// Answers a conversation.
    ///
    /// - Parameter emit: called with the words as they come.
    private func answer(
        _ messages: [ChatMessage], _ options: AnswerOptions, _ emit: @Sendable (String) -> Void
    ) async throws -> Answer {
        let request = try planned(messages, options)
        var clock = StageClock()
        let (features, hits) = try encode(request, options, &clock)
        let progress = options.progress
        let (prompt, keys, logits) = try clock.time(.prefill) {
            try Backend.run {
                let prompt = try model.prompt(request.ids, features: features, grids: request.plans.map(\.grid))
                let keys = model.language.makeCache()
                return (prompt, keys, try model.prefill(prompt, keys) { progress?(.prefill, $0) })
            }
        }
        let sampler = options.sampling.isGreedy ? nil : TokenSampler(options.sampling, prompt: request.ids)
        var steps = Generation(model, keys, delta: prompt.delta, logits: logits, sampler: sampler)
        var writer = Detokenizer(stops: options.stops) { [tokenizer] in tokenizer.bytes($0) }
        var tokens: [Int] = []
        var finish = Answer.Finish.length
        while tokens.count < options.maxTokens {
            // Others may be answered between two tokens, and this answer may be cancelled.
            await Task.yield()
            try Task.checkCancellation()
            let isLast = tokens.count + 1 == options.maxTokens
            let token = try clock.time(.answer) { try Backend.run { try steps.next(isLast: isLast) } }
            tokens.append(token)
            progress?(.answer, Double(tokens.count) / Double(options.maxTokens))
            if model.config.endTokens.contains(token) {
                finish = .end
                break
            }
            let words = writer.add(token)
            if !words.isEmpty { emit(words) }
            if let stop = writer.stopped {
                finish = .stop(stop)
                break
            }
        }
        let rest = writer.finish()
        if !rest.isEmpty { emit(rest) }
        let usage = Answer.Usage(
            prompt: request.ids.count, image: request.imageTokens, answer: tokens.count, cachedImages: hits)
        return Answer(
            text: writer.text, tokens: tokens, plans: request.plans, usage: usage, seconds: clock.seconds,
            finish: finish)
    }

    /// Plans a conversation, refuses it above the memory limit, and makes room for it in the cache.
    private func planned(_ messages: [ChatMessage], _ options: AnswerOptions) throws -> PlannedRequest {
        try options.check()
        let request = try PlannedRequest(messages, template, maxPositions: model.config.text.maxPositions) {
            try plan($0, budget: $1 ?? options.budget)
        }
        let needed = request.peak(model, answer: options.maxTokens)
        guard needed <= memoryLimit else {
            throw request.tooLarge(model, answer: options.maxTokens, needed: needed, limit: memoryLimit)
        }
        cache.makeRoom(min(cache.limit, memoryLimit - needed))
        return request
    }

    /// Encodes the images of a request one after another, so that memory is that of the largest.
    ///
    /// - Returns: the features of each, and how many were cached.
    private func encode(
        _ request: PlannedRequest, _ options: AnswerOptions, _ clock: inout StageClock
    ) throws -> (features: [MLXArray], hits: Int) {
        var (features, hits): ([MLXArray], Int) = ([], 0)
        let total = Double(max(1, request.images.count))
        for (number, (source, plan)) in zip(request.images, request.plans).enumerated() {
            try Task.checkCancellation()
            let patches = try clock.time(.patches) { try source.region.patches(source.image, plan) }
            options.progress?(.patches, Double(number + 1) / total)
            if let cached = cache.features(patches, plan.grid) {
                features.append(cached)
                hits += 1
                continue
            }
            let made = try clock.time(.vision) {
                try Backend.run {
                    try model.features(patches, plan.grid) { options.progress?(.vision, (Double(number) + $0) / total) }
                }
            }
            cache.insert(made, patches, plan.grid)
            features.append(made)
        }
        return (features, hits)
    }
}
