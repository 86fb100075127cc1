"""What a Qwen2.5-VL config.json says, checked, in one form.

Two spellings exist. The flat one, of the published checkpoints, has the language model's values at the top with
`rope_theta` and `rope_scaling`; the nested one, which transformers 5 writes, has them in `text_config` with
`rope_parameters`. Values that a file leaves out are the reference's defaults (transformers 5.23.0,
models/qwen2_5_vl/configuration_qwen2_5_vl.py); values that this code does not implement are refused.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from saccade.errors import InputError

__all__ = ["Config", "TextConfig", "VisionConfig"]

Value = TypeVar("Value")

_ARCHITECTURE = "qwen2_5_vl"
# Bounds against a damaged file, far above any checkpoint: a network is laid out before its weights are compared.
_LAYERS = {"depth", "num_hidden_layers"}
_MOST_LAYERS, _MOST = 1024, 2**24
_VISION_SIZES = (
    "depth",
    "hidden_size",
    "intermediate_size",
    "num_heads",
    "out_hidden_size",
    "in_channels",
    "patch_size",
    "temporal_patch_size",
    "spatial_merge_size",
    "window_size",
)
_VISION_KNOWN = {*_VISION_SIZES, "fullatt_block_indexes", "hidden_act", "rope_parameters", "tokens_per_second"}
_TEXT_KNOWN = {
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "rms_norm_eps", "rope_theta", "rope_parameters", "rope_scaling", "head_dim"),
    *("hidden_act", "attention_bias", "layer_types", "use_sliding_window", "max_position_embeddings"),
    *("eos_token_id", "tie_word_embeddings"),
}
_TOP_KNOWN = {
    *("model_type", "text_config", "vision_config", "quantization", "quantization_config"),
    *("image_token_id", "video_token_id", "vision_start_token_id"),
}
# Keys that say nothing about a forward pass; names that start with "_" are bookkeeping too, and null says nothing.
_NOTES = {
    *("architectures", "attention_dropout", "auto_map", "bos_token_id", "chunk_size_feed_forward", "dtype"),
    *("id2label", "initializer_range", "is_encoder_decoder", "label2id", "model_type", "output_attentions"),
    *("output_hidden_states", "pad_token_id", "problem_type", "return_dict", "torch_dtype", "transformers_version"),
    *("unsloth_fixed", "unsloth_version", "use_cache"),
}
_VISION_NOTES = {"in_chans", "spatial_patch_size"}
# max_window_layers and sliding_window act through use_sliding_window and layer_types only, which are checked.
_TEXT_NOTES = {
    *("image_token_id", "max_window_layers", "sliding_window", "video_token_id", "vision_end_token_id"),
    *("vision_start_token_id", "vision_token_id"),
}
_ROPE_KNOWN = {"mrope_section", "rope_theta", "rope_type", "type"}


@dataclass(frozen=True)
class VisionConfig:
    """The vision tower. Sizes of patches and windows are in pixels of the resized image."""

    depth: int = 32
    hidden_size: int = 3584
    intermediate_size: int = 3420
    num_heads: int = 16
    out_hidden_size: int = 3584
    in_channels: int = 3
    patch_size: int = 14
    temporal_patch_size: int = 2
    spatial_merge_size: int = 2
    window_size: int = 112
    fullatt_block_indexes: tuple[int, ...] = (7, 15, 23, 31)
    tokens_per_second: int = 4
    rope_theta: float = 10000.0

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_heads

    @property
    def still_width(self) -> int:
        """Values of one patch of one frame: channels x patch x patch."""
        return self.in_channels * self.patch_size**2

    @property
    def patch_width(self) -> int:
        """Values of one patch in the reference layout: all its frames."""
        return self.still_width * self.temporal_patch_size


@dataclass(frozen=True)
class TextConfig:
    """The language model."""

    vocab_size: int = 152064
    hidden_size: int = 8192
    intermediate_size: int = 29568
    num_hidden_layers: int = 80
    num_attention_heads: int = 64
    num_key_value_heads: int = 8
    rms_norm_eps: float = 1e-5
    rope_theta: float = 1000000.0
    mrope_section: tuple[int, int, int] = (16, 24, 24)
    max_position_embeddings: int = 32768

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads


@dataclass(frozen=True)
class Config:
    """A whole checkpoint's architecture."""

    vision: VisionConfig
    text: TextConfig
    image_token_id: int = 151655
    video_token_id: int = 151656
    vision_start_token_id: int = 151652
    tie_word_embeddings: bool = False
    eos_token_ids: tuple[int, ...] = ()

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], *, source: str = "config.json") -> Config:
        """Read either spelling.

        Args:
            raw: the parsed config.json.
            source: what messages call the file.

        Raises:
            InputError: another architecture, or a value that is missing, malformed or not implemented.
        """
        reader = _Reader(source)
        if raw.get("model_type") != _ARCHITECTURE:
            raise InputError(
                f"{source}: model_type is {raw.get('model_type')!r}, and nets knows {_ARCHITECTURE!r} only; "
                "give a Qwen2.5-VL checkpoint"
            )
        for key in ("quantization", "quantization_config"):
            if raw.get(key):
                raise InputError(f"{source}: {key} is set; quantised weights are not read yet, give a float checkpoint")
        nested = raw.get("text_config")
        text = nested if isinstance(nested, Mapping) and "hidden_size" in nested else raw
        vision = raw.get("vision_config")
        if not isinstance(vision, Mapping):
            raise InputError(f"{source}: vision_config is missing; give the config.json of a vision checkpoint")
        config = cls(
            vision=_vision(reader, vision),
            text=_text(reader, text),
            image_token_id=reader.integer(raw, "image_token_id", cls.image_token_id),
            video_token_id=reader.integer(raw, "video_token_id", cls.video_token_id),
            vision_start_token_id=reader.integer(raw, "vision_start_token_id", cls.vision_start_token_id),
            tie_word_embeddings=bool(raw.get("tie_word_embeddings") or text.get("tie_word_embeddings")),
            eos_token_ids=_ends(raw if raw.get("eos_token_id") is not None else text, source),
        )
        reader.unknown(raw, _TOP_KNOWN | _TEXT_KNOWN | _TEXT_NOTES, "it")
        if config.vision.out_hidden_size != config.text.hidden_size:
            raise InputError(
                f"{source}: the tower gives {config.vision.out_hidden_size} values a token (out_hidden_size), "
                f"the language model takes {config.text.hidden_size} (hidden_size); they must be equal"
            )
        outside = [token for token in config.eos_token_ids if not 0 <= token < config.text.vocab_size]
        if outside:
            raise InputError(
                f"{source}: eos_token_id {outside[0]} is outside the vocabulary 0..{config.text.vocab_size - 1}; "
                "check it here and in generation_config.json"
            )
        return config


def token_ids(value: object, source: str) -> tuple[int, ...]:
    """`eos_token_id` as it is written: none, one id or a list of ids."""
    ids = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(item, int) and not isinstance(item, bool) for item in ids):
        raise InputError(f"{source}: eos_token_id is {value!r}; write a token id or a list of them")
    return tuple(ids)


def _ends(raw: Mapping[str, Any], source: str) -> tuple[int, ...]:
    ids = token_ids(raw.get("eos_token_id"), source)
    if not ids:
        raise InputError(
            f"{source}: eos_token_id is missing, here and in generation_config.json, so that no answer would end; "
            "write the end token's id"
        )
    return ids


class _Reader:
    """Takes checked values out of parsed JSON, naming file and key when one will not do."""

    def __init__(self, source: str) -> None:
        self.source = source

    def integer(self, raw: Mapping[str, Any], key: str, default: int) -> int:
        value = raw.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InputError(f"{self.source}: {key} is {value!r}; write a whole number of at least 0")
        return value

    def size(self, raw: Mapping[str, Any], key: str, default: int) -> int:
        value, most = self.integer(raw, key, default), _MOST_LAYERS if key in _LAYERS else _MOST
        if not 1 <= value <= most:
            raise InputError(f"{self.source}: {key} is {value}; write a whole number in 1..{most}")
        return value

    def table(self, raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = raw.get(key) or {}
        if not isinstance(value, Mapping):
            raise InputError(f"{self.source}: {key} is {value!r}; write an object")
        return value

    def number(self, raw: Mapping[str, Any], key: str, default: float) -> float:
        value = raw.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= sys.float_info.max:
            raise InputError(f"{self.source}: {key} is {value!r}; write a finite number above 0")
        return float(value)

    def only(self, raw: Mapping[str, Any], key: str, known: tuple[Any, ...]) -> None:
        if key in raw and raw[key] not in known:
            named = " or ".join(repr(value) for value in known)
            raise InputError(f"{self.source}: {key} is {raw[key]!r}, which is not implemented; it has to be {named}")

    def unknown(self, raw: Mapping[str, Any], known: set[str], where: str) -> None:
        extra = sorted(key for key in set(raw) - known - _NOTES if raw[key] is not None and not key.startswith("_"))
        if extra:
            raise InputError(
                f"{self.source}: {where} has the unknown key {extra[0]!r}, which is {raw[extra[0]]!r}; "
                "remove it if it does nothing"
            )

    def heads(self, width: int, heads: int, key: str) -> None:
        if width % heads or (width // heads) % 2:
            raise InputError(f"{self.source}: {key} {heads} does not split the width {width} into even heads")


def _vision(reader: _Reader, raw: Mapping[str, Any]) -> VisionConfig:
    reader.unknown(raw, _VISION_KNOWN | _VISION_NOTES, "vision_config")
    reader.only(raw, "hidden_act", ("silu",))
    raw = {**raw, "in_channels": raw.get("in_channels", raw.get("in_chans", 3))}
    sizes = {name: reader.size(raw, name, getattr(VisionConfig, name)) for name in _VISION_SIZES}
    rope = reader.table(raw, "rope_parameters")
    reader.unknown(rope, _ROPE_KNOWN - {"mrope_section"}, "vision_config's rope_parameters")
    for key in ("rope_type", "type"):
        reader.only(rope, key, ("axial", "default"))
    blocks = raw.get("fullatt_block_indexes", VisionConfig.fullatt_block_indexes)
    if not isinstance(blocks, list | tuple) or not all(type(block) is int for block in blocks):
        raise InputError(f"{reader.source}: fullatt_block_indexes is {blocks!r}; write a list of block numbers")
    if not all(0 <= block < sizes["depth"] for block in blocks):
        raise InputError(
            f"{reader.source}: fullatt_block_indexes is {list(blocks)!r}; "
            f"depth {sizes['depth']} has the blocks 0..{sizes['depth'] - 1}"
        )
    token = sizes["patch_size"] * sizes["spatial_merge_size"]
    if sizes["window_size"] < token:
        raise InputError(
            f"{reader.source}: window_size is {sizes['window_size']}; a window holds at least one token of "
            f"{token} pixels (patch_size x spatial_merge_size)"
        )
    config = VisionConfig(
        **sizes,
        fullatt_block_indexes=tuple(blocks),
        tokens_per_second=reader.integer(raw, "tokens_per_second", VisionConfig.tokens_per_second),
        rope_theta=reader.number(rope, "rope_theta", VisionConfig.rope_theta),
    )
    reader.heads(config.hidden_size, config.num_heads, "num_heads")
    if config.head_dim % 4:
        raise InputError(
            f"{reader.source}: vision heads of {config.head_dim} values do not split into rows and columns"
        )
    return config


def _text(reader: _Reader, raw: Mapping[str, Any]) -> TextConfig:
    reader.only(raw, "hidden_act", ("silu",))
    reader.unknown(raw, _TOP_KNOWN | _TEXT_KNOWN | _TEXT_NOTES, "the text config")
    reader.only(raw, "use_sliding_window", (False, None))
    reader.only(raw, "attention_bias", (True, None))  # of query, key and value; the reference has no other form
    layers = raw.get("layer_types")
    if layers is not None and (not isinstance(layers, list) or any(layer != "full_attention" for layer in layers)):
        raise InputError(
            f"{reader.source}: layer_types is {layers!r}, which is not implemented; each has to be 'full_attention'"
        )
    heads = reader.size(raw, "num_attention_heads", TextConfig.num_attention_heads)
    key_heads = heads  # what an explicit null means
    if raw.get("num_key_value_heads", 0) is not None:
        key_heads = reader.size(raw, "num_key_value_heads", TextConfig.num_key_value_heads)
    rope = reader.table(raw, "rope_parameters") or reader.table(raw, "rope_scaling")
    reader.unknown(rope, _ROPE_KNOWN, "rope_parameters or rope_scaling")
    for key in ("rope_type", "type"):
        reader.only(rope, key, ("default", "mrope"))
    section = rope.get("mrope_section", list(TextConfig.mrope_section))
    config = TextConfig(
        vocab_size=reader.size(raw, "vocab_size", TextConfig.vocab_size),
        hidden_size=reader.size(raw, "hidden_size", TextConfig.hidden_size),
        intermediate_size=reader.size(raw, "intermediate_size", TextConfig.intermediate_size),
        num_hidden_layers=reader.size(raw, "num_hidden_layers", TextConfig.num_hidden_layers),
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        rms_norm_eps=reader.number(raw, "rms_norm_eps", TextConfig.rms_norm_eps),
        rope_theta=reader.number(rope if "rope_theta" in rope else raw, "rope_theta", TextConfig.rope_theta),
        mrope_section=_section(reader, section),
        max_position_embeddings=reader.size(raw, "max_position_embeddings", TextConfig.max_position_embeddings),
    )
    reader.heads(config.hidden_size, heads, "num_attention_heads")
    reader.only(raw, "head_dim", (config.head_dim, None))
    if heads % config.num_key_value_heads:
        raise InputError(f"{reader.source}: {heads} heads cannot share {config.num_key_value_heads} key heads")
    if 2 * sum(config.mrope_section) != config.head_dim:
        raise InputError(
            f"{reader.source}: mrope_section {list(config.mrope_section)} sums to {sum(config.mrope_section)}; "
            f"heads of {config.head_dim} values need {config.head_dim // 2}"
        )
    return config


def _section(reader: _Reader, value: object) -> tuple[int, int, int]:
    if not isinstance(value, list) or len(value) != 3 or not all(type(size) is int and size >= 0 for size in value):
        raise InputError(f"{reader.source}: mrope_section is {value!r}; write three whole numbers: time, height, width")
    return value[0], value[1], value[2]
