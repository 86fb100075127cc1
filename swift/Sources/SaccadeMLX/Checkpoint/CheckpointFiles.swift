import Foundation

/// The text and JSON files of a checkpoint folder, with bounded sizes.
enum CheckpointFiles {
    /// Several times the largest file other than weights, a tokenizer of 11 MB.
    private static let largest = 64 << 20

    /// Reads a JSON object.
    ///
    /// - Throws: `ModelError.missingFile`, or `ModelError.input` if the file cannot be read or is not a JSON object.
    static func object(_ url: URL) throws -> JSONObject {
        let content = try bytes(url)
        do throws(JSONParser.Failure) {
            guard let object = try JSONParser.parse(content).object else {
                throw JSONParser.Failure(reason: "it is not an object", offset: 0)
            }
            return object
        } catch {
            throw ModelError.input(
                "\(url.path): expected a JSON object; got an error (\(error.reason), at byte \(error.offset)). "
                    + "Download the file again")
        }
    }

    /// Reads a JSON object; nil if there is no such file.
    static func optionalObject(_ url: URL) throws -> JSONObject? { try exists(url) ? object(url) : nil }

    /// Reads a text in UTF-8; nil if there is no such file.
    static func optionalText(_ url: URL) throws -> String? {
        guard exists(url) else { return nil }
        guard let text = String(validating: try bytes(url), as: UTF8.self) else {
            throw ModelError.input("\(url.path): expected UTF-8 text. Download the file again")
        }
        return text
    }

    /// True if there is a file, folder or link.
    static func exists(_ url: URL) -> Bool {
        (try? FileManager.default.attributesOfItem(atPath: url.path)) != nil
    }

    /// True if there is a folder, or a link to one.
    static func isFolder(_ url: URL) -> Bool {
        var folder: ObjCBool = false
        return FileManager.default.fileExists(atPath: url.path, isDirectory: &folder) && folder.boolValue
    }

    /// Returns the size of a regular file in bytes.
    ///
    /// - Throws: `ModelError.missingFile`, or `ModelError.input` for a folder, a pipe or a device.
    static func size(_ url: URL) throws -> Int {
        let target = url.resolvingSymlinksInPath()
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: target.path) else {
            throw ModelError.missingFile("\(url.path): no such file. Download it")
        }
        guard attributes[.type] as? FileAttributeType == .typeRegular, let size = attributes[.size] as? Int else {
            throw ModelError.input(
                "\(url.path): expected a regular file; got a folder, pipe or device. Download it again")
        }
        return size
    }

    private static func bytes(_ url: URL) throws -> [UInt8] {
        let size = try size(url)
        guard size <= largest else {
            throw ModelError.input(
                "\(url.path): expected at most \(largest) bytes in a file other than weights; got \(size). "
                    + "Download it again")
        }
        guard let data = try? Data(contentsOf: url) else {
            throw ModelError.input("\(url.path): the file cannot be read. Download it again")
        }
        return [UInt8](data)
    }
}
