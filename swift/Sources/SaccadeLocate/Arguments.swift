import Foundation
import Saccade
import SaccadeMLX

/// The arguments of `saccade-locate`.
struct Arguments {
    static let help = """
        usage: saccade-locate --model DIR --image FILE [options] "the save button"

        Prints boxes, points and the place to click in pixels of the image, as JSON.

          --model DIR        checkpoint of Qwen2-VL or Qwen2.5-VL: config.json, safetensors, tokenizer.json
          --image FILE       \(ImageFile.formats)
          --raw WIDTHxHEIGHT the file is raw RGB of this size, 3 bytes a pixel
          --budget BUDGET    \(budgetHelp)
          --zoom             look again around the first answer
          --point            print the place to click alone; exit code 1 if there is none
          --max-tokens N     maximum tokens of an answer (default: 256)
        """
    private static let budgetHelp =
        "visual tokens (1280), \"1003520px\", \"checkpoint\" or \"ollama@0.13.3\" (default: 1280)"

    private(set) var isHelp = false
    private(set) var isPointOnly = false
    private(set) var policy = LookPolicy.flat
    private(set) var model = URL(fileURLWithPath: ".")
    private(set) var image = URL(fileURLWithPath: ".")
    private(set) var rawSize: PixelSize?
    private(set) var budget: ImageBudget?
    private(set) var maxTokens = 256
    private(set) var description = ""

    /// Reads arguments.
    ///
    /// - Throws: `ModelError.input` for an unknown, missing or malformed one.
    init(_ words: [String]) throws {
        var rest = words[...]
        var descriptions: [String] = []
        var (hasModel, hasImage, isOptions) = (false, false, true)
        func value(of option: String) throws -> String {
            guard let value = rest.popFirst() else { throw ModelError.input("\(option): expected a value; got none") }
            return value
        }
        while let word = rest.popFirst() {
            switch isOptions ? word : "" {
            case "-h", "--help": isHelp = true
            case "--point": isPointOnly = true
            case "--zoom": policy = .zoom()
            case "--": isOptions = false
            case "--model":
                model = URL(fileURLWithPath: try value(of: word))
                hasModel = true
            case "--image":
                image = URL(fileURLWithPath: try value(of: word))
                hasImage = true
            case "--raw": rawSize = try Self.size(try value(of: word))
            case "--budget": budget = try ImageBudget(try value(of: word))
            case "--max-tokens":
                let text = try value(of: word)
                guard let number = Int(text), number > 0 else {
                    throw ModelError.input("--max-tokens: expected a whole number above 0; got \(text)")
                }
                maxTokens = number
            case let option where option.hasPrefix("-"):
                throw ModelError.input("\(option): unknown option. See saccade-locate --help")
            default: descriptions.append(word)
            }
        }
        if isHelp { return }
        guard hasModel, hasImage else {
            throw ModelError.input("expected --model DIR and --image FILE. See saccade-locate --help")
        }
        guard descriptions.count == 1 else {
            throw ModelError.input("expected one description in quotes; got \(descriptions.count)")
        }
        description = descriptions[0]
    }

    private static func size(_ text: String) throws -> PixelSize {
        let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1] else {
            throw ModelError.input("--raw: expected WIDTHxHEIGHT; got \(text)")
        }
        return PixelSize(width: width, height: height)
    }
}
