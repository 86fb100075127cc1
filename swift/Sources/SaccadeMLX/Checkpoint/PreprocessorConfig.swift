import Foundation
import Saccade

/// Normalization and size limits of a checkpoint: preprocessor_config.json, read and checked.
///
/// transformers 5 may write the same values as `image_processor` of processor_config.json, and reads those first. A
/// value that means other arithmetic is refused, because ignoring it would change pixels without an error.
struct PreprocessorConfig {
    /// Limits of the area of a resized image in pixels.
    struct Limits: Equatable {
        let minPixels: Int
        let maxPixels: Int
    }

    private static let defaults = Limits(minPixels: 56 * 56, maxPixels: 28 * 28 * 1280)

    /// Means of red, green and blue, for pixels in 0 to 1.
    let mean: [Double]
    /// Standard deviations of red, green and blue, above 0.
    let std: [Double]
    /// Limits of the file; nil if it has none.
    let limits: Limits?

    /// Reads and checks the file of a checkpoint folder; without one the values are the family's.
    ///
    /// - Throws: `ModelError.input` for a value that is malformed, not implemented, or contradicts the tower.
    static func read(_ folder: URL, _ vision: VisionConfig, _ family: ModelFamily) throws -> PreprocessorConfig {
        let whole = folder.appendingPathComponent("processor_config.json")
        let own = folder.appendingPathComponent("preprocessor_config.json")
        if let nested = try CheckpointFiles.optionalObject(whole)?.given("image_processor") {
            guard let table = nested.object else {
                throw ModelError.input("\(whole.path): image_processor: expected an object; got \(brief(nested))")
            }
            return try PreprocessorConfig(table, whole.path, vision)
        }
        guard let table = try CheckpointFiles.optionalObject(own) else {
            return PreprocessorConfig(mean: family.mean, std: family.std, limits: nil)
        }
        return try PreprocessorConfig(table, own.path, vision)
    }

    private init(mean: [Double], std: [Double], limits: Limits?) {
        self.mean = mean
        self.std = std
        self.limits = limits
    }

    init(_ table: JSONObject, _ source: String, _ vision: VisionConfig) throws {
        var raw = table
        raw.members.removeAll { $0.value.isNull }
        try Self.checkSteps(raw, source)
        for (key, tower, standard) in [
            ("patch_size", vision.patchSize, 14), ("merge_size", vision.mergeSize, 2),
            ("temporal_patch_size", vision.temporalPatchSize, 2),
        ] where (raw[key] ?? .integer(standard)) != .integer(tower) {
            throw ModelError.input(
                "\(source): \(key) is \(brief(raw[key] ?? .integer(standard))), but that of config.json is \(tower). "
                    + "Check that both files belong to one checkpoint")
        }
        mean = try Self.three(raw, "image_mean", ModelFamily.qwen25VL.mean, source)
        std = try Self.three(raw, "image_std", ModelFamily.qwen25VL.std, source)
        guard std.allSatisfy({ $0 > 0 }) else {
            throw ModelError.input("\(source): image_std: expected numbers above 0; got \(std)")
        }
        limits = try Self.limits(raw, source)
    }

    /// Refuses steps other than bicubic resizing, rescaling to 0 to 1 and normalization.
    private static func checkSteps(_ raw: JSONObject, _ source: String) throws {
        let steps = [
            ("do_resize", true), ("do_rescale", true), ("do_normalize", true), ("do_center_crop", false),
            ("do_pad", false),
        ]
        for (key, runs) in steps {
            if let value = raw[key], value != .bool(runs) {
                throw ModelError.input(
                    "\(source): \(key): expected \(runs); got \(brief(value)), which is not implemented")
            }
        }
        if let resample = raw["resample"], resample != 3, resample != "bicubic" {
            throw ModelError.input(
                "\(source): resample: expected 3 (bicubic); got \(brief(resample)), which is not implemented")
        }
        if let factor = raw["rescale_factor"] {
            guard let value = factor.double, abs(value * 255 - 1) <= 1e-6 else {
                throw ModelError.input(
                    "\(source): rescale_factor: expected 1/255; got \(brief(factor)), which is not implemented")
            }
        }
        if let code = raw["auto_map"] {
            throw ModelError.input(
                "\(source): auto_map: expected no code; got \(brief(code)), which is never run. Remove the key")
        }
    }

    private static func three(
        _ raw: JSONObject, _ key: String, _ fallback: [Double], _ source: String
    ) throws -> [Double] {
        guard let value = raw[key] else { return fallback }
        let numbers = value.array?.compactMap(\.double) ?? []
        guard numbers.count == 3, value.array?.count == 3, numbers.allSatisfy(\.isFinite) else {
            throw ModelError.input("\(source): \(key): expected three finite numbers; got \(brief(value))")
        }
        return numbers
    }

    /// Reads the limits in any spelling; a missing one of two is the default of the reference's class.
    private static func limits(_ raw: JSONObject, _ source: String) throws -> Limits? {
        let size: JSONObject
        if let value = raw["size"] {
            guard let table = value.object else {
                throw ModelError.input(
                    "\(source): size: expected shortest_edge and longest_edge, in pixels of area; got \(brief(value))")
            }
            size = table
        } else {
            size = JSONObject()
        }
        let edges = ["min_pixels", "max_pixels", "shortest_edge", "longest_edge"]
        guard size.members.isEmpty || edges.contains(where: { size[$0] != nil }) else {
            throw ModelError.input(
                "\(source): size: expected shortest_edge and longest_edge, in pixels of area; got \(brief(raw["size"]))"
            )
        }
        func value(_ key: String, _ edge: String) -> JSON? { raw[key] ?? size.given(key) ?? size.given(edge) }
        let (low, high) = (value("min_pixels", "shortest_edge"), value("max_pixels", "longest_edge"))
        if low == nil, high == nil { return nil }
        guard let least = (low ?? .integer(defaults.minPixels)).integer,
            let most = (high ?? .integer(defaults.maxPixels)).integer, 0 < least, least <= most,
            most <= 999_999_999_999_999_999
        else {
            throw ModelError.input(
                "\(source): expected min_pixels and max_pixels to be whole numbers above 0, in order; got "
                    + "\(brief(low)) and \(brief(high))")
        }
        return Limits(minPixels: least, maxPixels: most)
    }
}
