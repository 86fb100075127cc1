import Foundation
import Saccade
import XCTest

@testable import SaccadeMLX

/// Over a thousand damaged or lying files, every one an error that names the file or key.
final class HostileTests: XCTestCase {
    private var count = 0

    /// Checks that loading fails with a `ModelError`.
    private func refuses(
        _ checkpoint: SmallCheckpoint, _ what: String, file: StaticString = #filePath, line: UInt = #line
    ) {
        count += 1
        XCTAssertThrowsError(try checkpoint.load(), what, file: file, line: line) { error in
            guard let error = error as? ModelError else {
                return XCTFail("\(what): \(error)", file: file, line: line)
            }
            if case .backend = error { XCTFail("\(what): reached MLX: \(error)", file: file, line: line) }
        }
    }

    func testTheSmallCheckpointItselfLoads() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        XCTAssertNoThrow(try checkpoint.load())
    }

    func testTheEmbeddingDecidesOnTheVocabulary() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        var config = checkpoint.config
        config["vocab_size"] = 1
        config["eos_token_id"] = 15
        try checkpoint.write(config)
        XCTAssertNoThrow(try checkpoint.load())
    }

    func testCutFiles() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        let url = checkpoint.file("model.safetensors")
        let whole = try Data(contentsOf: url)
        var numbers = Numbers(1)
        let cuts = Array(0..<20) + (0..<150).map { _ in Int.random(in: 0..<whole.count, using: &numbers) }
        for cut in cuts {
            try whole.prefix(cut).write(to: url)
            refuses(checkpoint, "cut at \(cut)")
        }
        for more in [1, 8, 4096] {
            try (whole + Data(count: more)).write(to: url)
            refuses(checkpoint, "\(more) bytes more")
        }
        XCTAssertEqual(count, cuts.count + 3)
    }

    func testLyingHeaderLengths() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        let header = SmallCheckpoint.header(try checkpoint.tensors())
        for length in [
            0, 1, UInt64(header.utf8.count) - 1, UInt64(header.utf8.count) + 1, 1 << 24, 1 << 32, 1 << 63, .max,
        ] {
            try checkpoint.writeWeights(header, length: length)
            refuses(checkpoint, "length \(length)")
        }
    }

    func testEveryChangedByteOfTheHeader() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        let header = Array(SmallCheckpoint.header(try checkpoint.tensors()).utf8)
        var numbers = Numbers(2)
        for _ in 0..<350 {
            var bytes = header
            let place = Int.random(in: 0..<bytes.count, using: &numbers)
            var byte = bytes[place]
            while byte == bytes[place] { byte = UInt8.random(in: 0x20..<0x7F, using: &numbers) }
            bytes[place] = byte
            try checkpoint.writeWeights(String(decoding: bytes, as: UTF8.self))
            refuses(checkpoint, "byte \(place) is \(byte)")
        }
    }

    func testLyingTensors() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        let tensors = try checkpoint.tensors()
        for number in tensors.indices {
            func changed(_ what: String, _ change: (inout SmallCheckpoint.Tensor) -> Void) throws {
                var lying = tensors
                change(&lying[number])
                try checkpoint.writeWeights(SmallCheckpoint.header(lying))
                refuses(checkpoint, "\(tensors[number].name): \(what)")
            }
            try changed("another name") { $0.name += "x" }
            try changed("an integer") { $0.type = "I32" }
            try changed("packed without scales") { $0.type = "U32" }
            try changed("an unknown type") { $0.type = "F31" }
            try changed("10^9 rows") { $0.shape[0] = 1_000_000_000 }
            try changed("negative rows") { $0.shape[0] = -1 }
            try changed("more than 2^62") { $0.shape = [1 << 62, 1 << 62] }
            try changed("one more axis") { $0.shape.append(1) }
            try changed("too few bytes") { $0.bytes -= 4 }
            try changed("overflowing offsets") { $0.bytes = 1 << 61 }
            var missing = tensors
            missing.remove(at: number)
            let data = missing.reduce(0) { $0 + $1.bytes }
            try checkpoint.writeWeights(SmallCheckpoint.header(missing), data: data)
            refuses(checkpoint, "\(tensors[number].name) is missing")
        }
    }

    func testHeadersOfOtherForms() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        let tensors = try checkpoint.tensors()
        let whole = SmallCheckpoint.header(tensors)
        let deep = String(repeating: "[", count: 100_000)
        for header in [
            "", "null", "[]", "1", "{", "{}", "{\"a\": 1}", "{\"a\": {}}", deep, "{\"a\": \(deep)}", "\u{FEFF}{}",
            whole + whole, String(whole.dropLast()) + "," + String(whole.dropFirst()),
            String(whole.dropLast()) + #","zero":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#,
        ] {
            try checkpoint.writeWeights(header)
            refuses(checkpoint, String(header.prefix(40)))
        }
        var twice = tensors
        twice.append(tensors[0])
        try checkpoint.writeWeights(
            SmallCheckpoint.header(twice), data: twice.reduce(0) { $0 + $1.bytes })
        refuses(checkpoint, "a tensor twice")
        // The same tensor by its names in two layouts.
        twice[twice.count - 1].name = "language_model.\(tensors[0].name)"
        try checkpoint.writeWeights(
            SmallCheckpoint.header(twice), data: twice.reduce(0) { $0 + $1.bytes })
        refuses(checkpoint, "a tensor by two names")
    }

    func testShards() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        let url = checkpoint.file("model.safetensors")
        try FileManager.default.moveItem(at: url, to: checkpoint.file("a.safetensors"))
        let index = checkpoint.file("model.safetensors.index.json")
        try Data(#"{"weight_map": {"lm_head.weight": "a.safetensors"}}"#.utf8).write(to: index)
        XCTAssertNoThrow(try checkpoint.load())
        for map in [
            "", "[]", "{}", #"{"weight_map": []}"#, #"{"weight_map": {}}"#, #"{"weight_map": {"a": 1}}"#,
            #"{"weight_map": {"a": "b.safetensors"}}"#, #"{"weight_map": {"a": "../a.safetensors"}}"#,
            #"{"weight_map": {"a": "/etc/passwd"}}"#, #"{"weight_map": {"a": "a.bin"}}"#,
            #"{"weight_map": {"a": "sub/a.safetensors"}}"#,
        ] {
            try Data(map.utf8).write(to: index)
            refuses(checkpoint, map)
        }
        try FileManager.default.removeItem(at: index)
        refuses(checkpoint, "no weights")
        try Data([0x80]).write(to: checkpoint.file("pytorch_model.bin"))
        refuses(checkpoint, "a pickle")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        refuses(checkpoint, "a folder for weights")
    }

    func testLyingSizesInTheConfig() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        let wrong: [JSON] = [
            -1, 0, .number(1.5), "8", true, .integer(1_000_000_000_000), .integer(.max), .array([]), .array([8]),
            .object(JSONObject()), nil,
        ]
        let sizes = [
            "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
            "max_position_embeddings",
        ]
        for key in sizes {
            for value in wrong {
                var config = checkpoint.config
                config[key] = value
                try checkpoint.write(config)
                refuses(checkpoint, "\(key) \(value)")
            }
        }
        let vision = [
            "depth", "hidden_size", "intermediate_size", "num_heads", "out_hidden_size", "in_channels", "patch_size",
            "spatial_merge_size", "temporal_patch_size", "window_size", "tokens_per_second",
        ]
        for key in vision {
            for value in wrong {
                var config = checkpoint.config
                config.change("vision_config") { $0[key] = value }
                try checkpoint.write(config)
                refuses(checkpoint, "vision_config \(key) \(value)")
            }
        }
        XCTAssertEqual(count, wrong.count * (sizes.count + vision.count))
    }

    func testOtherValuesInTheConfig() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        let changes: [(String, JSON)] = [
            ("model_type", "qwen3_vl"), ("model_type", "llama"), ("model_type", nil), ("vision_config", nil),
            ("vision_config", 1), ("text_config", 1), ("hidden_act", "gelu"), ("rms_norm_eps", 0),
            ("rms_norm_eps", "x"), ("rope_theta", -1), ("rope_scaling", 3), ("rope_scaling", .object(JSONObject())),
            ("tie_word_embeddings", "yes"), ("eos_token_id", nil), ("eos_token_id", 99), ("eos_token_id", "1"),
            ("eos_token_id", .array([])), ("image_token_id", -2), ("image_token_id", 3), ("video_token_id", 4),
            ("num_experts", 8), ("lora_config", .object(JSONObject(members: [("r", 8)]))),
            ("sliding_window_pattern", 2),
            ("use_sliding_window", true), ("attention_bias", false), ("head_dim", 16), ("partial_rotary_factor", 2),
            ("layer_types", .array(["sliding_attention"])), ("auto_map", "x.py"), ("model_file", "x.py"),
            ("num_key_value_heads", 3), ("num_attention_heads", 3), ("quantization", 4),
            ("quantization", .object(JSONObject(members: [("bits", 4)]))),
            ("quantization", .object(JSONObject(members: [("bits", 7), ("group_size", 64)]))),
            ("quantization", .object(JSONObject(members: [("bits", 4), ("group_size", 64), ("mode", "mxfp4")]))),
            ("quantization", .object(JSONObject(members: [("quant_method", "awq")]))),
            ("quantization_config", .object(JSONObject(members: [("load_in_4bit", true)]))),
        ]
        for (key, value) in changes {
            var config = checkpoint.config
            config[key] = value
            try checkpoint.write(config)
            refuses(checkpoint, "\(key) \(value)")
        }
        let vision: [(String, JSON)] = [
            ("hidden_act", "gelu"), ("fullatt_block_indexes", .array([2])), ("fullatt_block_indexes", 1),
            ("fullatt_block_indexes", .array(["1"])), ("deepstack_visual_indexes", .array([1])), ("window_size", 27),
            ("num_heads", 3), ("num_hidden_layers", 3), ("use_rope", .number(0.5)), ("attention_scale", 2),
            ("layer_norm_eps", .number(1e-5)), ("qk_norm", true),
        ]
        for (key, value) in vision {
            var config = checkpoint.config
            config.change("vision_config") { $0[key] = value }
            try checkpoint.write(config)
            refuses(checkpoint, "vision_config \(key) \(value)")
        }
        for table in [
            #"{"type": "yarn", "mrope_section": [1, 1, 0]}"#,
            #"{"type": "yarn", "factor": -4, "mrope_section": [1, 1, 0]}"#, #"{"type": "linear"}"#,
            #"{"type": "yarn", "factor": 4, "truncate": 1, "mrope_section": [1, 1, 0]}"#, #"{"mrope_section": [1, 1]}"#,
            #"{"mrope_section": [1, 1, 1]}"#, #"{"mrope_section": [9223372036854775807, 9223372036854775807, 2]}"#,
            #"{"mrope_section": [1, 1, 0], "factor": 2}"#,
        ] {
            var config = checkpoint.config
            config["rope_scaling"] = try JSONParser.parse(Array(table.utf8))
            try checkpoint.write(config)
            refuses(checkpoint, table)
        }
    }

    func testCutConfigs() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        let whole = try Data(contentsOf: checkpoint.file("config.json"))
        for cut in stride(from: 0, to: whole.count - 1, by: 9) {
            try whole.prefix(cut).write(to: checkpoint.file("config.json"))
            refuses(checkpoint, "config.json cut at \(cut)")
        }
        for text in ["[]", "{}", "null", "NaN", "{\"a\":1,\"a\":2}", "{\"a\":1e999}", "\u{0}", "{\"\\ud800\":1}"] {
            try Data(text.utf8).write(to: checkpoint.file("config.json"))
            refuses(checkpoint, text)
        }
        try Data([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]).write(to: checkpoint.file("config.json"))
        refuses(checkpoint, "no UTF-8")
        try FileManager.default.removeItem(at: checkpoint.file("config.json"))
        refuses(checkpoint, "no config.json")
    }

    func testPreprocessorConfigs() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        for text in [
            "[]", "{\"image_mean\": [0, 0]}", "{\"image_mean\": \"x\"}", "{\"image_std\": [0, 1, 1]}",
            "{\"image_std\": [-1, 1, 1]}", "{\"patch_size\": 16}", "{\"merge_size\": 3}", "{\"do_resize\": false}",
            "{\"do_normalize\": 1}", "{\"do_center_crop\": true}", "{\"resample\": 2}", "{\"resample\": true}",
            "{\"rescale_factor\": 1}", "{\"rescale_factor\": \"x\"}", "{\"auto_map\": \"x\"}", "{\"min_pixels\": 0}",
            "{\"min_pixels\": 9, \"max_pixels\": 8}", "{\"max_pixels\": 1.5}", "{\"max_pixels\": 1e30}",
            "{\"size\": 5}", "{\"size\": {\"height\": 5}}", "{\"size\": {\"shortest_edge\": -5}}",
            "{\"temporal_patch_size\": 1}",
        ] {
            try Data(text.utf8).write(to: checkpoint.file("preprocessor_config.json"))
            refuses(checkpoint, text)
        }
    }

    func testAdapters() throws {
        let checkpoint = try SmallCheckpoint()
        defer { checkpoint.remove() }
        try Data("{}".utf8).write(to: checkpoint.file("adapter_config.json"))
        refuses(checkpoint, "an adapter")
        XCTAssertThrowsError(try GroundingModel(folder: URL(fileURLWithPath: "/nowhere/at/all")))
    }
}
