// swift-format-ignore-file
// What SaccadeMLXLM uses of mlx-swift-lm's MLXVLM, to type-check it where there is none. See README.md.
import MLXLMCommon

public enum VLMProcessorTypeRegistry {
    public static let shared = ProcessorTypeRegistry()
}

public struct Qwen2VLMessageGenerator: MessageGenerator {
    public init() {}
}
