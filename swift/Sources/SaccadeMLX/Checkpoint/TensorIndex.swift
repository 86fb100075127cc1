import Foundation

/// The tensors of a checkpoint folder by their published names, from headers alone: no weight is read yet.
struct TensorIndex {
    /// A tensor, and where it is.
    struct Place {
        let entry: SafeTensors.Entry
        /// Its key in the file.
        let key: String
        let file: URL
    }

    private static let pickles: Set = ["bin", "pt", "pth", "ckpt", "pkl"]
    private static let constants = ["rotary_emb.inv_freq", "rotary_pos_emb.inv_freq"]

    /// Places by published names.
    let places: [String: Place]
    /// True if the keys are mlx-community's.
    let isMLXLayout: Bool

    /// Reads the headers of a folder with model.safetensors, or with shards and model.safetensors.index.json.
    ///
    /// - Throws: `ModelError.missingFile` without weights or with a missing shard; `ModelError.input` if the weights are
    ///   pickles only, a file is damaged, the index names a file elsewhere, or two keys mean one tensor.
    init(_ folder: URL) throws {
        var places: [String: Place] = [:]
        var isMLXLayout = false
        for file in try Self.files(folder) {
            for (key, entry) in try SafeTensors.header(file) {
                isMLXLayout = isMLXLayout || key.hasPrefix("vision_tower.")
                let name = KeyLayout.published(key)
                if Self.constants.contains(where: name.hasSuffix) { continue }  // in old exports
                guard places.updateValue(Place(entry: entry, key: key, file: file), forKey: name) == nil else {
                    throw ModelError.input(
                        "\(file.path): \(brief(key)) and another key both mean \(brief(name)). Keep one of them")
                }
            }
        }
        self.places = places
        self.isMLXLayout = isMLXLayout
    }

    /// Rows of the embedding, packed or float; nil without one.
    var embeddingRows: Int? {
        places["model.embed_tokens.weight"].flatMap { $0.entry.shape.count == 2 ? $0.entry.shape[0] : nil }
    }

    private static func files(_ folder: URL) throws -> [URL] {
        let single = folder.appendingPathComponent("model.safetensors")
        let index = folder.appendingPathComponent("model.safetensors.index.json")
        if CheckpointFiles.exists(single) { return [single] }
        guard CheckpointFiles.exists(index) else { throw noWeights(folder, single) }
        guard let map = try CheckpointFiles.object(index)["weight_map"]?.object, !map.members.isEmpty else {
            throw ModelError.input("\(index.path): weight_map is missing or malformed. Download the file again")
        }
        var names = Set<String>()
        for (_, value) in map.members {
            guard let name = value.string, name.hasSuffix(".safetensors"), !name.contains("/"), !name.contains("\\"),
                !name.contains("\0")
            else {
                throw ModelError.input(
                    "\(index.path): weight_map: expected safetensors files of this folder; got \(brief(value))")
            }
            names.insert(name)
        }
        return try names.sorted().map { name in
            let file = folder.appendingPathComponent(name)
            guard CheckpointFiles.exists(file) else {
                throw ModelError.missingFile(
                    "\(file.path): no such file, though model.safetensors.index.json names it. Download it")
            }
            return file
        }
    }

    private static func noWeights(_ folder: URL, _ single: URL) -> ModelError {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        if let pickle = names.sorted().first(where: { pickles.contains(URL(fileURLWithPath: $0).pathExtension) }) {
            return .input(
                "\(folder.appendingPathComponent(pickle).path): expected safetensors; got a pickle, which can run code "
                    + "when it is opened. Download safetensors or convert it")
        }
        return .missingFile(
            "\(single.path): no such file, nor model.safetensors.index.json. Finish the download, or convert the "
                + "weights to safetensors")
    }
}
