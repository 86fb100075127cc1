import Foundation
import Saccade
import SaccadeMLX

/// `saccade-locate`: finds what a description names in an image, and prints where it is as JSON.
@main
struct Main {
    static func main() async {
        do {
            let arguments = try Arguments(Array(CommandLine.arguments.dropFirst()))
            if arguments.isHelp { return print(Arguments.help) }
            let image = try ImageFile.read(arguments.image, rawSize: arguments.rawSize)
            let model = try await GroundingModel.load(folder: arguments.model)
            let location = try await model.locate(
                arguments.description, in: image, policy: arguments.policy,
                options: AnswerOptions(maxTokens: arguments.maxTokens, budget: arguments.budget))
            print(try Report.json(location, model.family, isPointOnly: arguments.isPointOnly))
            if arguments.isPointOnly, location.click == nil { exit(1) }
        } catch {
            let line = error.localizedDescription.split(whereSeparator: \.isNewline).joined(separator: " ")
            FileHandle.standardError.write(Data("saccade-locate: \(line)\n".utf8))
            exit(2)
        }
    }
}
