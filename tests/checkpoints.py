"""Write small seeded checkpoints with NumPy alone, so that the reference and the tests make the same bytes."""

from __future__ import annotations

import copy
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

# The random model of the golden files: real head width (80), a tower MLP that 32 does not divide, windows and full
# attention in turn. The flat spelling of the published checkpoints.
CONFIG: dict[str, Any] = {
    "architectures": ["Qwen2_5_VLForConditionalGeneration"],
    "model_type": "qwen2_5_vl",
    "torch_dtype": "float32",
    "vocab_size": 1024,
    "hidden_size": 128,
    "intermediate_size": 344,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_act": "silu",
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "rope_scaling": {"type": "mrope", "mrope_section": [4, 6, 6]},
    "tie_word_embeddings": False,
    "use_sliding_window": False,
    "bos_token_id": 1000,
    "eos_token_id": 1001,
    "vision_start_token_id": 1002,
    "vision_end_token_id": 1003,
    "image_token_id": 1004,
    "video_token_id": 1005,
    "vision_config": {
        "model_type": "qwen2_5_vl",
        "depth": 4,
        "hidden_size": 160,
        "num_heads": 2,
        "intermediate_size": 172,
        "out_hidden_size": 128,
        "hidden_act": "silu",
        "in_chans": 3,
        "patch_size": 14,
        "spatial_patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 112,
        "fullatt_block_indexes": [1, 3],
        "tokens_per_second": 2,
    },
}


# Qwen2-VL: no windows, a plain MLP of mlp_ratio times the width, norms with biases; its config names the tower's width
# embed_dim and the language model's hidden_size.
QWEN2_VL: dict[str, Any] = {
    **{key: value for key, value in CONFIG.items() if key != "vision_config"},
    "architectures": ["Qwen2VLForConditionalGeneration"],
    "model_type": "qwen2_vl",
    "vision_config": {
        "depth": 3,
        "embed_dim": 160,
        "mlp_ratio": 2,
        "num_heads": 2,
        "in_chans": 3,
        "hidden_size": 128,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "spatial_patch_size": 14,
        "temporal_patch_size": 2,
    },
}


# Qwen3-VL as published, always nested: heads of the language model whose widths do not add up to its own, heads of 72
# in the tower, and a table of positions that some grids enlarge and others shrink.
QWEN3_VL: dict[str, Any] = {
    "architectures": ["Qwen3VLForConditionalGeneration"],
    "model_type": "qwen3_vl",
    "image_token_id": 1004,
    "video_token_id": 1005,
    "vision_start_token_id": 1002,
    "vision_end_token_id": 1003,
    "tie_word_embeddings": False,
    "text_config": {
        "model_type": "qwen3_vl_text",
        "vocab_size": 1024,
        "hidden_size": 128,
        "intermediate_size": 344,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 48,
        "hidden_act": "silu",
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6,
        "attention_bias": False,
        "rope_theta": 5000000.0,
        "rope_scaling": {"mrope_interleaved": True, "mrope_section": [10, 7, 7], "rope_type": "default"},
        "tie_word_embeddings": False,
        "bos_token_id": 1000,
        "eos_token_id": 1001,
    },
    "vision_config": {
        "model_type": "qwen3_vl",
        "depth": 5,
        "hidden_size": 144,
        "num_heads": 2,
        "intermediate_size": 200,
        "out_hidden_size": 128,
        "hidden_act": "gelu_pytorch_tanh",
        "in_channels": 3,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "num_position_embeddings": 144,
        "deepstack_visual_indexes": [0, 2, 3],
    },
}
# With experts: one layer without, and others in all.
QWEN3_VL_MOE: dict[str, Any] = {
    **QWEN3_VL,
    "architectures": ["Qwen3VLMoeForConditionalGeneration"],
    "model_type": "qwen3_vl_moe",
    "text_config": {
        **QWEN3_VL["text_config"],
        "model_type": "qwen3_vl_moe_text",
        "num_experts": 8,
        "num_experts_per_tok": 3,
        "moe_intermediate_size": 40,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [1],
        "norm_topk_prob": True,
    },
    "vision_config": {**QWEN3_VL["vision_config"], "model_type": "qwen3_vl_moe"},
}


BASES = {base["model_type"]: base for base in (QWEN2_VL, CONFIG, QWEN3_VL, QWEN3_VL_MOE)}
"""`model_type` -> the config of that family."""


def config(base: dict[str, Any] = CONFIG, **changes: Any) -> dict[str, Any]:
    """Return a copy of CONFIG, or of another config, with changed top-level values."""
    return {**copy.deepcopy(base), **changes}


def nested_config(flat: dict[str, Any]) -> dict[str, Any]:
    """Return the config as transformers 5 writes it: text_config with rope_parameters."""
    top = {"architectures", "model_type", "vision_config", "tie_word_embeddings", "torch_dtype"}
    top |= {"image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"}
    text = {key: value for key, value in flat.items() if key not in top}
    section = text.pop("rope_scaling")["mrope_section"]
    theta = text.pop("rope_theta")
    text["rope_parameters"] = {"mrope_section": section, "rope_theta": theta, "rope_type": "default", "type": "mrope"}
    text["model_type"] = f"{flat['model_type']}_text"
    return {**{key: value for key, value in flat.items() if key in top}, "text_config": text}


def shapes(raw: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a config in its published spelling, by its published key."""
    tower, decoder = _FAMILIES.get(raw["model_type"], (_windowed_tower, _decoder))
    return {**tower(raw), **decoder(raw)}


Shapes = dict[str, tuple[int, ...]]


def _layers(prefix: str, sizes: tuple[tuple[str, int, int], ...]) -> Shapes:
    """Return the shapes of linear layers with biases; `sizes` are (name, values out, values in)."""
    table: Shapes = {}
    for name, out, into in sizes:
        table |= {f"{prefix}{name}.weight": (out, into), f"{prefix}{name}.bias": (out,)}
    return table


def _windowed_tower(raw: dict[str, Any]) -> Shapes:
    vision = raw["vision_config"]
    d, m, merged = vision["hidden_size"], vision["intermediate_size"], 4 * vision["hidden_size"]
    table: Shapes = {"visual.patch_embed.proj.weight": (d, 3, 2, 14, 14)}
    for n in range(vision["depth"]):
        block = f"visual.blocks.{n}."
        table |= {block + "norm1.weight": (d,), block + "norm2.weight": (d,)}
        table |= _layers(block + "attn.", (("qkv", 3 * d, d), ("proj", d, d)))
        table |= _layers(block + "mlp.", (("gate_proj", m, d), ("up_proj", m, d), ("down_proj", d, m)))
    table["visual.merger.ln_q.weight"] = (d,)
    return table | _layers("visual.merger.mlp.", (("0", merged, merged), ("2", vision["out_hidden_size"], merged)))


def _plain_tower(raw: dict[str, Any]) -> Shapes:
    vision = raw["vision_config"]
    d, merged = vision["embed_dim"], 4 * vision["embed_dim"]
    m = int(d * vision["mlp_ratio"])
    table: Shapes = {"visual.patch_embed.proj.weight": (d, 3, 2, 14, 14)}
    norms = ["merger.ln_q"]
    for n in range(vision["depth"]):
        norms += [f"blocks.{n}.norm1", f"blocks.{n}.norm2"]
        block = f"visual.blocks.{n}."
        table |= _layers(block + "attn.", (("qkv", 3 * d, d), ("proj", d, d)))
        table |= _layers(block + "mlp.", (("fc1", m, d), ("fc2", d, m)))
    for norm in norms:
        table |= {f"visual.{norm}.weight": (d,), f"visual.{norm}.bias": (d,)}
    return table | _layers("visual.merger.mlp.", (("0", merged, merged), ("2", vision["hidden_size"], merged)))


def _decoder(raw: dict[str, Any]) -> Shapes:
    d, m, vocabulary = raw["hidden_size"], raw["intermediate_size"], raw["vocab_size"]
    keys = d // raw["num_attention_heads"] * raw["num_key_value_heads"]
    table: Shapes = {"model.embed_tokens.weight": (vocabulary, d), "model.norm.weight": (d,)}
    for n in range(raw["num_hidden_layers"]):
        layer = f"model.layers.{n}."
        table |= {layer + "input_layernorm.weight": (d,), layer + "post_attention_layernorm.weight": (d,)}
        table |= _layers(layer + "self_attn.", (("q_proj", d, d), ("k_proj", keys, d), ("v_proj", keys, d)))
        table[layer + "self_attn.o_proj.weight"] = (d, d)
        table |= {layer + "mlp.gate_proj.weight": (m, d), layer + "mlp.up_proj.weight": (m, d)}
        table[layer + "mlp.down_proj.weight"] = (d, m)
    if not raw["tie_word_embeddings"]:
        table["lm_head.weight"] = (vocabulary, d)
    return table


def _deepstack_tower(raw: dict[str, Any]) -> Shapes:
    vision = raw["vision_config"]
    d, m, side = vision["hidden_size"], vision["intermediate_size"], vision["patch_size"]
    prefix, merged, out = "model.visual.", 4 * vision["hidden_size"], vision["out_hidden_size"]
    table: Shapes = {
        prefix + "patch_embed.proj.weight": (d, 3, 2, side, side),
        prefix + "patch_embed.proj.bias": (d,),
        prefix + "pos_embed.weight": (vision["num_position_embeddings"], d),
    }
    norms = {"merger.norm": d}
    for n in range(vision["depth"]):
        norms |= {f"blocks.{n}.norm1": d, f"blocks.{n}.norm2": d}
        block = f"{prefix}blocks.{n}."
        table |= _layers(block + "attn.", (("qkv", 3 * d, d), ("proj", d, d)))
        table |= _layers(block + "mlp.", (("linear_fc1", m, d), ("linear_fc2", d, m)))
    mergers = [f"deepstack_merger_list.{n}" for n in range(len(vision["deepstack_visual_indexes"]))]
    norms |= {f"{name}.norm": merged for name in mergers}
    for name in ("merger", *mergers):
        table |= _layers(f"{prefix}{name}.", (("linear_fc1", merged, merged), ("linear_fc2", out, merged)))
    for norm, width in norms.items():
        table |= {f"{prefix}{norm}.weight": (width,), f"{prefix}{norm}.bias": (width,)}
    return table


def _normed_decoder(raw: dict[str, Any]) -> Shapes:
    text = raw["text_config"]
    d, m, width = text["hidden_size"], text["intermediate_size"], text["head_dim"]
    heads, keys = width * text["num_attention_heads"], width * text["num_key_value_heads"]
    experts, inner = text.get("num_experts", 0), text.get("moe_intermediate_size", 0)
    prefix = "model.language_model."
    table: Shapes = {prefix + "embed_tokens.weight": (text["vocab_size"], d), prefix + "norm.weight": (d,)}
    for n in range(text["num_hidden_layers"]):
        layer = f"{prefix}layers.{n}."
        table |= {layer + "input_layernorm.weight": (d,), layer + "post_attention_layernorm.weight": (d,)}
        table |= {layer + "self_attn.q_norm.weight": (width,), layer + "self_attn.k_norm.weight": (width,)}
        table |= {layer + "self_attn.q_proj.weight": (heads, d), layer + "self_attn.o_proj.weight": (d, heads)}
        table |= {layer + "self_attn.k_proj.weight": (keys, d), layer + "self_attn.v_proj.weight": (keys, d)}
        if experts and n not in text["mlp_only_layers"]:
            table[layer + "mlp.gate.weight"] = (experts, d)
            table[layer + "mlp.experts.gate_up_proj"] = (experts, d, 2 * inner)
            table[layer + "mlp.experts.down_proj"] = (experts, inner, d)
        else:
            table |= {layer + "mlp.gate_proj.weight": (m, d), layer + "mlp.up_proj.weight": (m, d)}
            table[layer + "mlp.down_proj.weight"] = (d, m)
    if not raw["tie_word_embeddings"]:
        table["lm_head.weight"] = (text["vocab_size"], d)
    return table


_FAMILIES = {
    "qwen2_vl": (_plain_tower, _decoder),
    "qwen2_5_vl": (_windowed_tower, _decoder),
    "qwen3_vl": (_deepstack_tower, _normed_decoder),
    "qwen3_vl_moe": (_deepstack_tower, _normed_decoder),
}


def weights(raw: dict[str, Any], seed: int = 1) -> dict[str, np.ndarray]:
    """Return float32 weights large enough that attention, positions and biases all change the result."""
    random = np.random.RandomState(seed)
    tensors = {}
    for key, shape in sorted(shapes(raw).items()):
        noise = random.standard_normal(shape)
        if key.endswith(".bias"):
            noise = 0.1 * noise
        elif "norm" in key or "ln_q" in key:
            noise = 1 + 0.1 * noise
        elif ".experts." in key:
            noise = noise * (1.0 / np.sqrt(shape[1]))
        elif not key.endswith(("embed_tokens.weight", "pos_embed.weight")):
            noise = noise * (1.0 / np.sqrt(np.prod(shape[1:])))
        tensors[key] = noise.astype(np.float32)
    return tensors


# As published, without size limits.
PREPROCESSOR: dict[str, Any] = {
    "image_processor_type": "Qwen2VLImageProcessor",
    "processor_class": "Qwen2_5_VLProcessor",
    "patch_size": 14,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}

QWEN3_PREPROCESSOR: dict[str, Any] = {
    "image_processor_type": "Qwen2VLImageProcessorFast",
    "processor_class": "Qwen3VLProcessor",
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}

_NAMES = {"float32": "F32", "float16": "F16", "uint16": "BF16", "int32": "I32", "uint32": "U32"}


def save_tensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    """Write a safetensors file; uint16 arrays are the bits of bfloat16."""
    header, start = {}, 0
    for key, array in tensors.items():
        stop = start + array.nbytes
        header[key] = {"dtype": _NAMES[str(array.dtype)], "shape": list(array.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    blob = b"".join(np.ascontiguousarray(array).tobytes() for array in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob)


def write(
    folder: Path,
    raw: dict[str, Any] | None = None,
    tensors: dict[str, np.ndarray] | None = None,
    *,
    files: dict[str, dict[str, Any]] | None = None,
) -> Path:
    """Write a checkpoint folder: config.json, model.safetensors, a preprocessor config and any other JSON files."""
    raw = CONFIG if raw is None else raw
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(raw))
    save_tensors(folder / "model.safetensors", weights(raw) if tensors is None else tensors)
    own = preprocessor(raw)
    for name, content in {"preprocessor_config.json": own, **(files or {})}.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def preprocessor(raw: dict[str, Any]) -> dict[str, Any]:
    """Return preprocessor_config.json of a config's family, without size limits."""
    return QWEN3_PREPROCESSOR if str(raw.get("model_type")).startswith("qwen3") else PREPROCESSOR


SPECIAL = (
    "<|endoftext|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|im_start|>",
    "<|box_start|>",
    "<|box_end|>",
)
"""Tokens 1000 and up, in the order of CONFIG's ids."""

TEMPLATE = """{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif %}<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}<|im_end|>
{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}\
<|vision_start|><|image_pad|><|vision_end|>{% elif part['type'] == 'video' %}\
<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>
{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
"""The structure of the published template."""


def write_tokenizer(folder: Path) -> None:
    """Write a byte-level tokenizer without merges, the published special tokens and the template."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocabulary |= {f"filler {number}": number for number in range(len(vocabulary), 1000)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(TEMPLATE)


def write_whole(folder: Path, base: dict[str, Any] = CONFIG, **changes: Any) -> Path:
    """Write a checkpoint with its tokenizer, template and size limits."""
    limits = {"preprocessor_config.json": {**preprocessor(base), "min_pixels": 3136, "max_pixels": 100352}}
    write(folder, config(base, **changes), files=limits)
    write_tokenizer(folder)
    return folder
