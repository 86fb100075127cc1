import Foundation

/// The header of a safetensors file, checked against the file's size before MLX sees the file.
///
/// The format is eight bytes with the header's length, a JSON header with type, shape and offsets of each tensor, then
/// the data, which the tensors fill without gaps. MLX loads damaged files without an error, so nothing is loaded that
/// has not passed this check.
enum SafeTensors {
    /// A tensor of a file.
    struct Entry: Equatable {
        let type: ElementType
        let shape: [Int]
    }

    /// The types that a model may have.
    enum ElementType: String {
        case float32 = "F32"
        case float16 = "F16"
        case bfloat16 = "BF16"
        case uint32 = "U32"
        /// A type that safetensors knows and no layer has.
        case other

        /// True for the three types of float weights.
        var isFloat: Bool { self == .float32 || self == .float16 || self == .bfloat16 }
    }

    // Enough for 100,000 tensors. The format allows 100 MB, which takes gigabytes to parse.
    private static let longestHeader = 16 << 20
    private static let mostAxes = 8
    private static let widths = [
        "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "U16": 2, "I16": 2, "F16": 2,
        "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8,
    ]

    /// Reads and checks a header; no other part of the file is read.
    ///
    /// - Returns: the tensors by name.
    /// - Throws: `ModelError.input` if the header is longer than the file or than 16 MiB, is not JSON, has a key twice,
    ///   an unknown type or a shape that does not match its bytes, or if the tensors overlap, leave gaps or do not end
    ///   with the file. The message names file and tensor.
    static func header(_ url: URL) throws -> [String: Entry] {
        let (header, dataBytes) = try read(url)
        var entries: [String: Entry] = [:]
        var spans: [(begin: Int, end: Int, name: String)] = []
        for (name, value) in header.members where name != "__metadata__" {
            let (entry, begin, end) = try tensor(url, name, value)
            // Names that differ in Unicode composition only would be one key here.
            guard entries.updateValue(entry, forKey: name) == nil else { throw broken(url, "\(name) comes twice") }
            spans.append((begin, end, name))
        }
        spans.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
        var end = 0
        for span in spans {
            guard span.begin == end else {
                let what = span.begin < end ? "overlaps another tensor" : "leaves a gap before it"
                throw broken(url, "\(span.name) \(what)")
            }
            end = span.end
        }
        guard end == dataBytes else {
            throw broken(url, "its tensors take \(end) bytes, the file has \(dataBytes) for them")
        }
        return entries
    }

    /// Reads the header, and counts the bytes after it.
    private static func read(_ url: URL) throws -> (header: JSONObject, dataBytes: Int) {
        let size = try CheckpointFiles.size(url)
        guard let file = try? FileHandle(forReadingFrom: url) else {
            throw ModelError.input("\(url.path): the file cannot be read. Download it again")
        }
        defer { try? file.close() }
        guard size >= 8, let start = try? file.read(upToCount: 8), start.count == 8 else {
            throw broken(url, "it has \(size) bytes")
        }
        let length = start.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(size - 8) else { throw broken(url, "its header is longer than the file") }
        guard length <= UInt64(longestHeader) else { throw broken(url, "its header takes \(length) bytes") }
        guard let text = try? file.read(upToCount: Int(length)), text.count == Int(length) else {
            throw broken(url, "its header cannot be read")
        }
        do throws(JSONParser.Failure) {
            guard let object = try JSONParser.parse([UInt8](text)).object else {
                throw JSONParser.Failure(reason: "it is not an object", offset: 0)
            }
            return (object, size - 8 - Int(length))
        } catch {
            throw broken(url, "its header: \(error.reason)")
        }
    }

    /// Returns a tensor, and where its bytes begin and end, counted from the header's end.
    private static func tensor(
        _ url: URL, _ name: String, _ value: JSON
    ) throws -> (entry: Entry, begin: Int, end: Int) {
        guard let object = value.object else { throw broken(url, "\(brief(name)) is described by \(brief(value))") }
        guard let type = object["dtype"]?.string, let width = widths[type] else {
            throw broken(url, "\(brief(name)) has the unknown type \(brief(object["dtype"]))")
        }
        guard let shape = counts(object["shape"]), shape.count <= mostAxes,
            let offsets = counts(object["data_offsets"]),
            offsets.count == 2
        else {
            throw broken(
                url, "\(brief(name)) has shape \(brief(object["shape"])) at \(brief(object["data_offsets"]))")
        }
        var size = width
        for axis in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: axis)
            guard !overflow else { throw broken(url, "\(brief(name)) has shape \(shape)") }
            size = product
        }
        guard offsets[1] - offsets[0] == size else {
            throw broken(url, "\(brief(name)) has shape \(shape), \(size) bytes, in \(offsets[1] - offsets[0]) bytes")
        }
        return (Entry(type: ElementType(rawValue: type) ?? .other, shape: shape), offsets[0], offsets[1])
    }

    private static func counts(_ value: JSON?) -> [Int]? {
        guard let items = value?.array else { return nil }
        let numbers = items.compactMap { item -> Int? in
            guard case .integer(let number) = item, 0 <= number, number < 1 << 62 else { return nil }
            return number
        }
        return numbers.count == items.count ? numbers : nil
    }

    private static func broken(_ url: URL, _ why: String) -> ModelError {
        .input(
            "\(url.path): expected a complete safetensors file; got a damaged one (\(brief(why))). Download it again")
    }
}
