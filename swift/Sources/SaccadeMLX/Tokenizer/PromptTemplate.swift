import Foundation

/// The chat template of a checkpoint, ChatML with vision tokens, written in code.
///
/// Swift has no Jinja, so a checkpoint's template is accepted only if its text is a known one. All known ones render to
/// the same text.
struct PromptTemplate: Sendable {
    /// A part of a message.
    enum Part: Equatable, Sendable {
        case text(String)
        /// The next image, as so many visual tokens.
        case image(tokens: Int)
    }

    /// A message.
    struct Message: Equatable, Sendable {
        let role: String
        let parts: [Part]
    }

    /// Bytes and FNV-1a hash of a known template's text.
    private struct Fingerprint: Hashable {
        let count: Int
        let hash: UInt64

        init(count: Int, hash: UInt64) {
            self.count = count
            self.hash = hash
        }

        init(_ text: String) {
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            self.init(count: text.utf8.count, hash: hash)
        }
    }

    private static let known: Set = [
        Fingerprint(count: 1017, hash: 0x7124_2F76_359E_71E8),  // Qwen2-VL and Qwen2.5-VL
        Fingerprint(count: 699, hash: 0x3261_0D7A_69FC_8CA5),  // the checkpoint that comes with this project
    ]
    private static let defaultSystem = "You are a helpful assistant."

    private let tokenizer: Tokenizer
    private let start: Int
    private let end: Int
    private let visionStart: Int
    private let visionEnd: Int
    private let image: Int

    /// Finds and checks the template of a checkpoint folder.
    ///
    /// - Parameters:
    ///   - folder: the checkpoint.
    ///   - tokenizer: of the same folder.
    ///   - config: names the image token.
    /// - Throws: `ModelError.input` without a template, for an unknown one, or if the tokenizer lacks its tokens.
    init(_ folder: URL, _ tokenizer: Tokenizer, _ config: ModelConfig) throws {
        let (text, source) = try Self.source(folder)
        var trimmed = text
        while trimmed.last?.isNewline == true { trimmed.removeLast() }
        guard Self.known.contains(Fingerprint(trimmed)) else {
            throw ModelError.input(
                "\(source): chat_template: expected the template of Qwen2-VL or Qwen2.5-VL; got another of "
                    + "\(text.utf8.count) bytes. Swift runs no Jinja: use the Python package for this checkpoint")
        }
        func special(_ name: String) throws -> Int {
            guard let id = tokenizer.special(name) else {
                throw ModelError.input(
                    "\(folder.path): tokenizer.json has no special token \(name), which the chat "
                        + "template needs. Check that both files belong to one checkpoint")
            }
            return id
        }
        self.tokenizer = tokenizer
        start = try special("<|im_start|>")
        end = try special("<|im_end|>")
        visionStart = try special("<|vision_start|>")
        visionEnd = try special("<|vision_end|>")
        image = try special("<|image_pad|>")
        guard image == config.tokens.image else {
            throw ModelError.input(
                "\(folder.path): image_token_id of config.json is \(config.tokens.image), and <|image_pad|> of "
                    + "tokenizer.json is \(image). Check that both files belong to one checkpoint")
        }
    }

    /// Encodes a conversation, up to the start of the assistant's turn. A special token in a text stays text.
    func encode(_ messages: [Message]) -> [Int] {
        var ids: [Int] = []
        var text = ""
        func token(_ id: Int) {
            // Merges may cross from the template's text to the user's, so both are encoded as one.
            ids += tokenizer.encode(text, areSpecialsText: true)
            text = ""
            ids.append(id)
        }
        func open(_ role: String) {
            token(start)
            text += role + "\n"
        }
        func close() {
            token(end)
            text += "\n"
        }
        if messages.first?.role != "system" {
            open("system")
            text += Self.defaultSystem
            close()
        }
        for message in messages {
            open(message.role)
            for part in message.parts {
                switch part {
                case .text(let words): text += words
                case .image(let tokens):
                    token(visionStart)
                    ids += Array(repeating: image, count: tokens)
                    token(visionEnd)
                }
            }
            close()
        }
        open("assistant")
        return ids + tokenizer.encode(text, areSpecialsText: true)
    }

    /// Returns the template's text and its file. As in transformers, one in processor_config.json wins; then come
    /// chat_template.jinja, chat_template.json and tokenizer_config.json.
    private static func source(_ folder: URL) throws -> (text: String, file: String) {
        for name in ["processor_config.json", "chat_template.jinja", "chat_template.json", "tokenizer_config.json"] {
            let url = folder.appendingPathComponent(name)
            if name.hasSuffix(".jinja") {
                if let text = try CheckpointFiles.optionalText(url) { return (text, url.path) }
                continue
            }
            guard let value = try CheckpointFiles.optionalObject(url)?.given("chat_template") else { continue }
            guard let text = value.string else {
                throw ModelError.input("\(url.path): chat_template: expected a text; got \(brief(value))")
            }
            return (text, url.path)
        }
        throw ModelError.input(
            "\(folder.path): no chat template (chat_template.jinja). Give the checkpoint of an instruction-tuned model")
    }
}
