"""What the config.json of a Qwen2-VL or Qwen2.5-VL checkpoint says, checked, in one form.

Two spellings exist. The flat one, of the published checkpoints, has the language model's values at the top with
`rope_theta` and `rope_scaling`; the nested one, which transformers 5 writes, has them in `text_config` with
`rope_parameters`. Values that a file leaves out are the reference's defaults (transformers 5.23.0,
models/qwen2_vl/configuration_qwen2_vl.py and models/qwen2_5_vl/configuration_qwen2_5_vl.py); values that this code
does not implement are refused.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlx_saccade.checkpoint.safetensors import published_name
from mlx_saccade.errors import InputError
from mlx_saccade.models import quantization as quantization
from mlx_saccade.models.quantization import Quantization

__all__ = [
    "NOTES",
    "ROPE",
    "TEXT",
    "TEXT_NOTES",
    "TOP",
    "TOP_NOTES",
    "VISION",
    "VISION_NOTES",
    "Config",
    "ConfigReader",
    "TextConfig",
    "VisionConfig",
]

# model_type of config.json -> name of the family.
_FAMILIES = {"qwen2_vl": "qwen2-vl", "qwen2_5_vl": "qwen2.5-vl"}
_NORM_EPS = 1e-6  # of the towers' norms, a constant of the reference


@dataclass(frozen=True)
class VisionConfig:
    """The vision tower. Sizes of patches and windows are in pixels of the resized image.

    Without windows (`window_size` None, Qwen2-VL) every block attends over the whole frame.
    """

    depth: int = 32
    hidden_size: int = 3584
    intermediate_size: int = 3420
    num_heads: int = 16
    out_hidden_size: int = 3584
    in_channels: int = 3
    patch_size: int = 14
    temporal_patch_size: int = 2
    spatial_merge_size: int = 2
    window_size: int | None = 112
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
    """A whole checkpoint's architecture.

    Attributes:
        family: "qwen2-vl" or "qwen2.5-vl", by model_type: which tower, and what `mlx_saccade.families` knows of it.
        quantization: None where all weights are float.
        ignored: keys of the file that change nothing, as "key" or "object.key".
    """

    vision: VisionConfig
    text: TextConfig
    image_token_id: int = 151655
    video_token_id: int = 151656
    vision_start_token_id: int = 151652
    tie_word_embeddings: bool = False
    eos_token_ids: tuple[int, ...] = ()
    family: str = "qwen2.5-vl"
    quantization: Quantization | None = None
    ignored: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], *, source: str = "config.json") -> Config:
        """Read either spelling.

        Args:
            raw: the parsed config.json.
            source: what messages call the file.

        Raises:
            InputError: another architecture, or a value that is missing, malformed or not implemented.
        """
        reader = ConfigReader(source)
        family = _FAMILIES.get(str(raw.get("model_type")))
        if family is None:
            raise InputError(
                f"{source}: model_type is {raw.get('model_type')!r}, and nets knows {' and '.join(_FAMILIES)} only; "
                "give a Qwen2-VL or Qwen2.5-VL checkpoint"
            )
        for key in ("auto_map", "model_file"):
            if raw.get(key):
                raise InputError(
                    f"{source}: {key} is {raw[key]!r}, code of the checkpoint's own, which is never run; "
                    f"if the weights are plain {family}, remove the key"
                )
        vision = raw.get("vision_config")
        if not isinstance(vision, Mapping):
            raise InputError(f"{source}: vision_config is missing; give the config.json of a vision checkpoint")
        text = _text_values(raw, source)
        for values in (raw, text):
            reader.only(values, "tie_word_embeddings", (True, False, None))
        read_vision = _plain_vision if family == "qwen2-vl" else _windowed_vision
        config = cls(
            vision=read_vision(reader, vision),
            text=_text(reader, text, "" if text is raw else "text_config"),
            image_token_id=reader.integer(raw, "image_token_id", cls.image_token_id),
            video_token_id=reader.integer(raw, "video_token_id", cls.video_token_id),
            vision_start_token_id=reader.integer(raw, "vision_start_token_id", cls.vision_start_token_id),
            tie_word_embeddings=bool(raw.get("tie_word_embeddings") or text.get("tie_word_embeddings")),
            eos_token_ids=_ends(raw if raw.get("eos_token_id") is not None else text, source),
            family=family,
            quantization=quantization.read(raw, source, published_name),
        )
        reader.keys(raw, TOP | TEXT, TOP_NOTES)
        object.__setattr__(config, "ignored", tuple(sorted(reader.ignored)))
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


# What two spellings of the language model in one file have to agree on.
_SHARED = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")


def _text_values(raw: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """The object that holds the language model's values: `text_config` where it is whole, else the file itself."""
    nested = raw.get("text_config")
    if nested is None or nested == {}:
        return raw
    if not isinstance(nested, Mapping):
        raise InputError(f"{source}: text_config is {nested!r}; write an object")
    whole = "hidden_size" in nested
    for key in _SHARED if whole else sorted(TEXT):
        if raw.get(key) is not None and nested.get(key) is not None and raw[key] != nested[key]:
            raise InputError(
                f"{source}: {key} is {raw[key]!r} and, in text_config, {nested[key]!r}; remove the one that is wrong"
            )
    return nested if whole else {**raw, **nested, "model_type": raw["model_type"]}


def _shape(reader: ConfigReader, raw: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Sizes of a tower that both families name alike, and those of `names`."""
    raw = {**raw, "in_channels": raw.get("in_channels", raw.get("in_chans", 3))}
    shared = ("depth", "num_heads", "in_channels", "patch_size", "temporal_patch_size", "spatial_merge_size")
    found: dict[str, Any] = {name: reader.size(raw, name, getattr(VisionConfig, name)) for name in (*shared, *names)}
    rope = reader.table(raw, "rope_parameters")
    reader.keys(rope, ROPE - {"mrope_section"}, (), "vision_config's rope_parameters")
    for key in ("rope_type", "type"):
        reader.only(rope, key, ("axial", "default"))
    reader.only(raw, "layer_norm_eps", (_NORM_EPS, None))
    return {**found, "rope_theta": reader.number(rope, "rope_theta", VisionConfig.rope_theta)}


def _windowed_vision(reader: ConfigReader, raw: Mapping[str, Any]) -> VisionConfig:
    """Qwen2.5-VL's tower."""
    reader.keys(raw, VISION["qwen2.5-vl"], VISION_NOTES["qwen2.5-vl"], "vision_config")
    reader.only(raw, "hidden_act", ("silu",))
    names = ("hidden_size", "intermediate_size", "out_hidden_size", "window_size")
    sizes = _shape(reader, raw, names)
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
    seconds = reader.size(raw, "tokens_per_second", VisionConfig.tokens_per_second)
    return _checked(reader, VisionConfig(**sizes, fullatt_block_indexes=tuple(blocks), tokens_per_second=seconds))


def _plain_vision(reader: ConfigReader, raw: Mapping[str, Any]) -> VisionConfig:
    """Qwen2-VL's tower: its width is `embed_dim`, and `hidden_size` is what it gives to the language model."""
    reader.keys(raw, VISION["qwen2-vl"], VISION_NOTES["qwen2-vl"], "vision_config")
    reader.only(raw, "hidden_act", ("quick_gelu",))
    width = reader.size(raw, "embed_dim", 1280)
    wide = width * reader.number(raw, "mlp_ratio", 4)
    if wide % 1:
        raise InputError(f"{reader.source}: mlp_ratio {raw['mlp_ratio']!r} x embed_dim {width} is no whole width")
    config = VisionConfig(
        **_shape(reader, raw, ()),
        hidden_size=width,
        intermediate_size=reader.size({"mlp_ratio x embed_dim": int(wide)}, "mlp_ratio x embed_dim", 1),
        out_hidden_size=reader.size(raw, "hidden_size", VisionConfig.out_hidden_size),
        window_size=None,
        fullatt_block_indexes=(),
    )
    return _checked(reader, config)


def _checked(reader: ConfigReader, config: VisionConfig) -> VisionConfig:
    reader.heads(config.hidden_size, config.num_heads, "num_heads")
    if config.head_dim % 4:
        raise InputError(
            f"{reader.source}: vision heads of {config.head_dim} values do not split into rows and columns"
        )
    return config


def _text(reader: ConfigReader, raw: Mapping[str, Any], where: str) -> TextConfig:
    reader.only(raw, "hidden_act", ("silu",))
    reader.keys(raw, TOP | TEXT, TOP_NOTES, where)
    reader.only(raw, "rope_traditional", (False, None))
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
    rope = _rope(reader, raw)
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


def _rope(reader: ConfigReader, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The rotary values of either spelling, or of both where they agree."""
    found: dict[str, Any] = {}
    for name in ("rope_parameters", "rope_scaling"):
        table = reader.table(raw, name)
        reader.keys(table, ROPE, (), name)
        for key in ("rope_type", "type"):
            reader.only(table, key, ("default", "mrope"))
        for key in ("mrope_section", "rope_theta"):
            if key in table and found.setdefault(key, table[key]) != table[key]:
                raise InputError(f"{reader.source}: {key} is {found[key]!r} and, in {name}, {table[key]!r}; keep one")
    return found


def _section(reader: ConfigReader, value: object) -> tuple[int, int, int]:
    if not isinstance(value, list) or len(value) != 3 or not all(type(size) is int and size >= 0 for size in value):
        raise InputError(f"{reader.source}: mrope_section is {value!r}; write three whole numbers: time, height, width")
    return value[0], value[1], value[2]


# Checked values out of a parsed config.json: a message names the file, the key and the value that will not do.
# Bounds against a damaged file, far above any checkpoint: a network is laid out before its weights are compared.
_LAYERS = {"depth", "num_hidden_layers"}
_MOST_LAYERS, _MOST = 1024, 2**24


class ConfigReader:
    """Reads one file's objects.

    Attributes:
        source: what messages call the file.
        ignored: keys that were met and change nothing, those of nested objects as "object.key".
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.ignored: set[str] = set()

    def integer(self, raw: Mapping[str, Any], key: str, default: int) -> int:
        """A whole number of at least 0.

        Raises:
            InputError: anything else; so all methods.
        """
        value = raw.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InputError(f"{self.source}: {key} is {value!r}; write a whole number of at least 0")
        return value

    def size(self, raw: Mapping[str, Any], key: str, default: int) -> int:
        """A whole number of at least 1, of layers at most 1,024, of others at most 2^24."""
        value, most = self.integer(raw, key, default), _MOST_LAYERS if key in _LAYERS else _MOST
        if not 1 <= value <= most:
            raise InputError(f"{self.source}: {key} is {value}; write a whole number in 1..{most}")
        return value

    def table(self, raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """An object; empty where there is none."""
        value = raw.get(key) or {}
        if not isinstance(value, Mapping):
            raise InputError(f"{self.source}: {key} is {value!r}; write an object")
        return value

    def number(self, raw: Mapping[str, Any], key: str, default: float) -> float:
        """A finite number above 0."""
        value = raw.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= sys.float_info.max:
            raise InputError(f"{self.source}: {key} is {value!r}; write a finite number above 0")
        return float(value)

    def only(self, raw: Mapping[str, Any], key: str, known: tuple[Any, ...]) -> None:
        """Refuse a value that is not among the known ones; an absent key is fine."""
        if key in raw and raw[key] not in known:
            named = " or ".join(repr(value) for value in known)
            raise InputError(f"{self.source}: {key} is {raw[key]!r}, which is not implemented; it has to be {named}")

    def keys(self, raw: Mapping[str, Any], known: Iterable[str], notes: Iterable[str], where: str = "") -> None:
        """Refuse keys beyond the known ones and the notes, which change nothing and are kept in `ignored`.

        Names that start with "_" are notes too, and null says nothing.

        Args:
            raw: the object.
            known: keys that are read.
            notes: keys that are not, and need not be.
            where: the object's name, "" for the file itself.
        """
        notes = set(notes)
        for key in sorted(set(raw) - set(known), key=str):
            if raw[key] is None:
                continue
            if key not in notes and not key.startswith("_"):
                raise InputError(
                    f"{self.source}: {where or 'it'} has the unknown key {key!r}, which is {raw[key]!r}; "
                    "remove it if it does nothing"
                )
            self.ignored.add(f"{where}.{key}" if where else key)

    def heads(self, width: int, heads: int, key: str) -> None:
        """Refuse heads that do not split a width into parts of even size."""
        if width % heads or (width // heads) % 2:
            raise InputError(f"{self.source}: {key} {heads} does not split the width {width} into even heads")


# The keys that config.json files of Qwen2-VL and Qwen2.5-VL carry: those that are read, and those that change nothing.
ROPE = frozenset({"mrope_section", "rope_theta", "rope_type", "type"})
VISION = {
    "qwen2.5-vl": frozenset(
        {
            *("depth", "hidden_size", "intermediate_size", "num_heads", "out_hidden_size", "in_channels", "in_chans"),
            *("patch_size", "temporal_patch_size", "spatial_merge_size", "window_size", "fullatt_block_indexes"),
            *("hidden_act", "rope_parameters", "tokens_per_second", "layer_norm_eps"),
        }
    ),
    "qwen2-vl": frozenset(
        {
            *("depth", "embed_dim", "mlp_ratio", "num_heads", "hidden_size", "in_channels", "in_chans"),
            *("patch_size", "temporal_patch_size", "spatial_merge_size"),
            *("hidden_act", "rope_parameters", "layer_norm_eps"),
        }
    ),
}
TEXT = frozenset(
    {
        *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
        *("num_key_value_heads", "rms_norm_eps", "rope_theta", "rope_parameters", "rope_scaling", "head_dim"),
        *("hidden_act", "attention_bias", "layer_types", "use_sliding_window", "max_position_embeddings"),
        *("eos_token_id", "tie_word_embeddings", "rope_traditional"),
    }
)
TOP = frozenset(
    {
        *("model_type", "text_config", "vision_config", "quantization", "quantization_config"),
        *("image_token_id", "video_token_id", "vision_start_token_id", "auto_map", "model_file"),
    }
)

# What transformers 4.x writes of its generation defaults; generation_config.json is where they act.
_GENERATION = frozenset(
    {
        *("bad_words_ids", "begin_suppress_tokens", "decoder_start_token_id", "diversity_penalty", "do_sample"),
        *("early_stopping", "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty"),
        *("forced_bos_token_id", "forced_eos_token_id", "generation_config", "length_penalty", "max_length"),
        *("max_new_tokens", "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams"),
        *("num_return_sequences", "output_scores", "remove_invalid_values", "repetition_penalty"),
        *("return_dict_in_generate", "suppress_tokens", "temperature", "top_k", "top_p", "typical_p"),
    }
)
NOTES = frozenset(
    {
        *("add_cross_attention", "architectures", "attention_dropout", "bos_token_id", "chunk_size_feed_forward"),
        *("cross_attention_hidden_size", "dtype", "finetuning_task", "id2label", "initializer_range", "is_decoder"),
        *("is_encoder_decoder", "label2id", "model_type", "output_attentions", "output_hidden_states"),
        *("pad_token_id", "prefix", "problem_type", "pruned_heads", "return_dict", "sep_token_id"),
        *("task_specific_params", "tf_legacy_loss", "tie_encoder_decoder", "tokenizer_class", "torch_dtype"),
        *("torchscript", "transformers_version", "unsloth_fixed", "unsloth_version", "use_bfloat16", "use_cache"),
        *_GENERATION,
    }
)
# skip_vision is mlx-vlm's word for a tower left float, which the tensors themselves say; its other keys are defaults
# of all its models that this one does not use.
VISION_NOTES = {
    "qwen2.5-vl": NOTES | {"image_size", "mlp_ratio", "skip_vision", "spatial_patch_size", "vocab_size"},
    "qwen2-vl": NOTES | {"image_size", "skip_vision", "spatial_patch_size", "vocab_size"},
}
# max_window_layers and sliding_window act through use_sliding_window and layer_types only, which are checked.
TEXT_NOTES = NOTES | {
    *("image_token_id", "max_window_layers", "sliding_window", "video_token_id", "vision_end_token_id"),
    *("vision_start_token_id", "vision_token_id"),
}
TOP_NOTES = TEXT_NOTES | {"ignore_index", "vision_feature_layer", "vision_feature_select_strategy"}
