// Written by `python swift/write.py` from `python/mlx_saccade/preprocess/runtimes.py`. Edit the Python source, not this file.
// swift-format-ignore-file

/// The known runtimes, one record per runtime and range of versions, oldest range first.
let runtimeRecords: [RuntimeRecord] = [
    RuntimeRecord(
        name: "transformers",
        versions: "5.23.0",
        first: "5.23.0",
        below: "5.23.1",
        labels: [],
        limits: [
            "qwen2-vl": .checkpoint,
            "qwen2.5-vl": .checkpoint,
            "qwen3-vl": .checkpoint,
        ]),
    RuntimeRecord(
        name: "vllm",
        versions: "commit 002d181a (late 2025) and later copies",
        first: nil,
        below: nil,
        labels: ["002d181a"],
        limits: [
            "qwen2-vl": .checkpoint,
            "qwen2.5-vl": .checkpoint,
            "qwen3-vl": .checkpoint,
        ]),
    RuntimeRecord(
        name: "sglang",
        versions: "2025-11 (commit 02065f00)",
        first: "2025.11",
        below: "2025.12",
        labels: ["02065f00"],
        limits: [
            "qwen2-vl": .pixels(3136, 12845056),
            "qwen2.5-vl": .pixels(3136, 12845056),
            "qwen3-vl": .pixels(65536, 12845056),
        ]),
    RuntimeRecord(
        name: "sglang",
        versions: "2026-06 (mid-2026)",
        first: "2026.6",
        below: "2026.7",
        labels: [],
        limits: [
            "qwen2-vl": .checkpoint,
            "qwen2.5-vl": .checkpoint,
            "qwen3-vl": .checkpoint,
        ]),
    RuntimeRecord(
        name: "tensorrt-llm",
        versions: "PyTorch backend, commit 000a01de",
        first: nil,
        below: nil,
        labels: ["000a01de"],
        limits: [
            "qwen2-vl": .checkpoint,
            "qwen2.5-vl": .checkpoint,
            "qwen3-vl": .checkpoint,
        ]),
    RuntimeRecord(
        name: "llama.cpp",
        versions: "since 2025-11-05 (commit 0024aa74, build b10488)",
        first: nil,
        below: nil,
        labels: ["0024aa74", "b10488"],
        limits: [
            "qwen2-vl": .pixels(6272, 3211264),
            "qwen2.5-vl": .pixels(6272, 3211264),
            "qwen3-vl": .pixels(8192, 4194304),
        ]),
    RuntimeRecord(
        name: "ollama",
        versions: "0.7.0 to 0.12.6",
        first: "0.7.0",
        below: "0.12.7",
        labels: [],
        limits: [
            "qwen2-vl": .unknown,
            "qwen2.5-vl": .pixels(3136, 1003520),
            "qwen3-vl": .unknown,
        ]),
    RuntimeRecord(
        name: "ollama",
        versions: "0.12.7 to 0.13.3",
        first: "0.12.7",
        below: "0.13.4",
        labels: [],
        limits: [
            "qwen2-vl": .unknown,
            "qwen2.5-vl": .pixels(3136, 1003520),
            "qwen3-vl": .pixels(65536, 2097152),
        ]),
    RuntimeRecord(
        name: "ollama",
        versions: "0.13.4 to below 0.30.0",
        first: "0.13.4",
        below: "0.30.0",
        labels: [],
        limits: [
            "qwen2-vl": .unknown,
            "qwen2.5-vl": .pixels(3136, 2097152),
            "qwen3-vl": .pixels(65536, 2097152),
        ]),
    RuntimeRecord(
        name: "ollama",
        versions: "0.30.0 and later",
        first: "0.30.0",
        below: nil,
        labels: [],
        limits: [
            "qwen2-vl": .pixels(802816, 3211264),
            "qwen2.5-vl": .pixels(802816, 3211264),
            "qwen3-vl": .pixels(1048576, 4194304),
        ]),
    RuntimeRecord(
        name: "ollama-mlx",
        versions: "MLX engine, commit fb307609",
        first: nil,
        below: nil,
        labels: ["fb307609"],
        limits: [
            "qwen2-vl": .unknown,
            "qwen2.5-vl": .unknown,
            "qwen3-vl": .unknown,
        ]),
    RuntimeRecord(
        name: "mlx-vlm",
        versions: "0.6.15",
        first: "0.6.15",
        below: "0.6.16",
        labels: [],
        limits: [
            "qwen2-vl": .checkpoint,
            "qwen2.5-vl": .checkpoint,
            "qwen3-vl": .checkpoint,
        ]),
    RuntimeRecord(
        name: "mlx-vlm",
        versions: "0.7.10",
        first: "0.7.10",
        below: "0.7.11",
        labels: [],
        limits: [
            "qwen2-vl": .checkpoint,
            "qwen2.5-vl": .checkpoint,
            "qwen3-vl": .checkpoint,
        ]),
    RuntimeRecord(
        name: "mlx-swift-lm",
        versions: "below 3.31.4",
        first: "0",
        below: "3.31.4",
        labels: [],
        limits: [
            "qwen2-vl": .checkpoint,
            "qwen2.5-vl": .checkpoint,
            "qwen3-vl": .checkpoint,
        ]),
    RuntimeRecord(
        name: "mlx-swift-lm",
        versions: "3.31.4 and later",
        first: "3.31.4",
        below: nil,
        labels: [],
        limits: [
            "qwen2-vl": .pixels(3136, 1003520),
            "qwen2.5-vl": .pixels(3136, 1003520),
            "qwen3-vl": .pixels(65536, 1310720),
        ]),
    RuntimeRecord(
        name: "lmdeploy",
        versions: "commit 1263d5cd",
        first: nil,
        below: nil,
        labels: ["1263d5cd"],
        limits: [
            "qwen2-vl": .checkpoint,
            "qwen2.5-vl": .checkpoint,
            "qwen3-vl": .checkpoint,
        ]),
    RuntimeRecord(
        name: "qwen-vl-utils",
        versions: "0.0.14",
        first: "0.0.14",
        below: "0.0.15",
        labels: [],
        limits: [
            "qwen2-vl": .pixels(3136, 12845056),
            "qwen2.5-vl": .pixels(3136, 12845056),
            "qwen3-vl": .pixels(4096, 16777216),
        ]),
    RuntimeRecord(
        name: "lm-studio",
        versions: "closed source, up to 2026-06",
        first: nil,
        below: nil,
        labels: [],
        limits: [
            "qwen2-vl": .unknown,
            "qwen2.5-vl": .unknown,
            "qwen3-vl": .unknown,
        ]),
    RuntimeRecord(
        name: "docker-model-runner",
        versions: "any",
        first: nil,
        below: nil,
        labels: [],
        limits: [
            "qwen2-vl": .unknown,
            "qwen2.5-vl": .unknown,
            "qwen3-vl": .unknown,
        ]),
]
