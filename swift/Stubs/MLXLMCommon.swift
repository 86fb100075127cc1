// swift-format-ignore-file
// What SaccadeMLXLM uses of mlx-swift-lm's MLXLMCommon, to type-check it where there is none. See README.md.
import CoreImage
import Foundation
import MLX

public protocol Tokenizer: Sendable {
    func convertTokenToId(_ token: String) -> Int?
    func applyChatTemplate(
        messages: [[String: any Sendable]], tools: [[String: any Sendable]]?,
        additionalContext: [String: any Sendable]?
    ) throws -> [Int]
}

public struct UserInput {
    public enum Image {
        case ciImage(CIImage)
        case url(URL)
        case array(MLXArray)
        public func asCIImage() throws -> CIImage { CIImage() }
    }
    public enum Video { case url(URL) }
    public struct Processing: Sendable {
        public var minPixels: Int?
        public var maxPixels: Int?
    }
    public var images: [Image] = []
    public var videos: [Video] = []
    public var tools: [[String: any Sendable]]?
    public var additionalContext: [String: any Sendable]?
    public var processing = Processing()
}

public struct THW: Sendable {
    public init(_ t: Int, _ h: Int, _ w: Int) {}
}

public struct LMInput {
    public struct Text {
        public init(tokens: MLXArray, mask: MLXArray? = nil) {}
    }
    public struct ProcessedImage {
        public init(pixels: MLXArray, positionIds: MLXArray? = nil, frames: [THW]? = nil) {}
    }
    public init(tokens: MLXArray, mask: MLXArray? = nil) {}
    public init(text: Text, image: ProcessedImage? = nil) {}
}

public protocol UserInputProcessor: Sendable {
    func prepare(input: UserInput) async throws -> LMInput
}

public protocol MessageGenerator: Sendable {}
extension MessageGenerator {
    public func generate(from input: UserInput) -> [[String: any Sendable]] { [] }
}

public actor ProcessorTypeRegistry {
    public init() {}
    public func registerProcessorType(
        _ type: String, creator: @escaping (Data, any Tokenizer) throws -> any UserInputProcessor
    ) {}
}
