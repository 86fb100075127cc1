"""The architecture that a checkpoint's config.json describes, read and checked.

Two spellings exist. The flat one of the published checkpoints has the language model's values at the top level. The
nested one, which transformers 5 writes, has them in `text_config`. A missing value takes the reference's default
(transformers 5.23.0, `configuration_*.py`). A value that this package does not implement is refused; `config_keys` has
the rule for keys that it does not read.

A family hands in its own reading of its sections (`FamilySections`); the keys here are those that all families share.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from mlx_saccade.checkpoint.safetensors import published_name
from mlx_saccade.errors import InputError
from mlx_saccade.models import config_keys, quantization
from mlx_saccade.models.config_keys import Section
from mlx_saccade.models.quantization import Quantization
from mlx_saccade.models.yarn import Yarn

__all__ = [
    "ROPE_KEYS",
    "VISION_KEYS",
    "VISION_NORM_EPS",
    "Config",
    "ConfigReader",
    "Experts",
    "FamilySections",
    "Grid",
    "TextConfig",
    "VisionConfig",
    "check_token_ids",
    "read_vision_sizes",
]

Grid = tuple[int, int, int]
"""(frames, rows, columns) of an image or video, in patches."""

VISION_NORM_EPS = 1e-6
"""Epsilon of the towers' norms, a constant of the reference."""


@dataclass(frozen=True)
class VisionConfig:
    """The shape of a vision tower. Patch and window sizes are in pixels of the resized image.

    Without windows (`window_size` None) every block attends over the whole frame. `mlp_matrices` counts the matrices of
    a block's MLP: three with a gate, else two. `num_position_embeddings` counts learned positions, a square table, and
    `deepstack_visual_indexes` are the blocks whose output the language model takes too.
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
    mlp_matrices: int = 3
    num_position_embeddings: int = 0
    deepstack_visual_indexes: tuple[int, ...] = ()

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_heads

    @property
    def levels(self) -> int:
        """Deepstack levels beside the features of a token."""
        return len(self.deepstack_visual_indexes)

    @property
    def feature_width(self) -> int:
        """Values that the tower makes of a token: its features, then its deepstack levels."""
        return (1 + self.levels) * self.out_hidden_size

    @property
    def still_width(self) -> int:
        """Values in one patch of one frame: channels x patch x patch."""
        return self.in_channels * self.patch_size**2

    @property
    def patch_width(self) -> int:
        """Values in one patch of the reference layout, all its frames."""
        return self.still_width * self.temporal_patch_size


@dataclass(frozen=True)
class Experts:
    """The experts of a language model.

    Attributes:
        count: experts of each sparse layer.
        per_token: experts that a token goes through.
        intermediate_size: inner width of an expert's MLP.
        layers: numbers of the sparse layers; the others have one MLP.
    """

    count: int
    per_token: int
    intermediate_size: int
    layers: tuple[int, ...]


@dataclass(frozen=True)
class TextConfig:
    """The shape of a language model."""

    vocab_size: int = 152064
    hidden_size: int = 8192
    intermediate_size: int = 29568
    num_hidden_layers: int = 80
    num_attention_heads: int = 64
    num_key_value_heads: int = 8
    head_dim: int = 128
    rms_norm_eps: float = 1e-5
    rope_theta: float = 1000000.0
    mrope_section: tuple[int, int, int] = (16, 24, 24)
    max_position_embeddings: int = 32768
    yarn: Yarn | None = None
    experts: Experts | None = None


class FamilySections(Protocol):
    """A family's own part of reading config.json; `mlx_saccade.models.families` has the rows."""

    @property
    def name(self) -> str:
        """Name of the family, for example "qwen2.5-vl"."""

    @property
    def text_keys(self) -> frozenset[str]:
        """Keys of the language model, which the flat spelling has at the top level."""

    def read_text(self, reader: ConfigReader, raw: Mapping[str, Any], /) -> TextConfig:
        """Read the language model's values; their keys are checked already."""

    def read_vision(self, reader: ConfigReader, raw: Mapping[str, Any], /) -> VisionConfig:
        """Read `vision_config` and check its keys."""


@dataclass(frozen=True)
class Config:
    """The architecture of a whole checkpoint.

    Attributes:
        vision: shape of the vision tower.
        text: shape of the language model.
        image_token_id: id of the token that stands for one image token.
        video_token_id: id of the token that stands for one video token.
        vision_start_token_id: id of the token before an image or video.
        vision_end_token_id: id of the token after an image or video.
        tie_word_embeddings: True if the head is the embedding.
        eos_token_ids: ids that end an answer.
        family: such as "qwen2.5-vl", as `mlx_saccade.families.get` takes it.
        quantization: how the weights are quantized; None for float weights.
        ignored: keys of the file that change nothing, as "key" or "object.key".
        notes: sentences on values of the checkpoint that something else overrides.
    """

    vision: VisionConfig
    text: TextConfig
    image_token_id: int = 151655
    video_token_id: int = 151656
    vision_start_token_id: int = 151652
    vision_end_token_id: int = 151653
    tie_word_embeddings: bool = False
    eos_token_ids: tuple[int, ...] = ()
    family: str = "qwen2.5-vl"
    quantization: Quantization | None = None
    ignored: tuple[str, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def from_dict(
        cls,
        raw: Mapping[str, Any],
        family: FamilySections,
        *,
        source: str = "config.json",
        embedding_rows: int | None = None,
    ) -> Config:
        """Read either spelling.

        Args:
            raw: the parsed config.json.
            family: how its sections are read.
            source: name of the file in messages.
            embedding_rows: rows of the embedding in the weights, which count where `vocab_size` differs; default
                unknown.

        Raises:
            InputError: a value that is missing, malformed or not implemented.
        """
        _refuse_code(raw, family.name, source)
        reader, vision = ConfigReader(source), raw.get("vision_config")
        if not isinstance(vision, Mapping):
            raise InputError(f"{source}: vision_config is missing. Give the config.json of a vision checkpoint")
        text = _text_section(raw, family.text_keys, source)
        for section in (raw, text):
            reader.check_value(section, "tie_word_embeddings", (True, False, None))
        reader.check_keys(text, _TOP_KEYS | family.text_keys, "model", "" if text is raw else "text_config")
        reader.check_keys(raw, _TOP_KEYS | family.text_keys, "model")
        language_model = _with_rows(family.read_text(reader, text), embedding_rows, reader)
        ends = _end_tokens(raw if raw.get("eos_token_id") is not None else text, source)
        sections: dict[str, Any] = {
            "vision": family.read_vision(reader, vision),
            "text": language_model,
            **{key: reader.integer(raw, key, getattr(cls, key)) for key in _TOKEN_IDS},
        }
        config = cls(
            **sections,
            tie_word_embeddings=bool(raw.get("tie_word_embeddings") or text.get("tie_word_embeddings")),
            eos_token_ids=_inside(ends, language_model.vocab_size, reader),
            family=family.name,
            quantization=quantization.read(raw, source, published_name),
            ignored=tuple(sorted(reader.ignored)),
            notes=tuple(reader.notes),
        )
        _check_sections_fit(config, source)
        return config


def _refuse_code(raw: Mapping[str, Any], family: str, source: str) -> None:
    """Refuse a checkpoint that brings its own code."""
    for key in ("auto_map", "model_file"):
        if raw.get(key):
            raise InputError(
                f"{source}: {key}: expected no code; got {raw[key]!r}, which is never run. "
                f"Remove the key if the weights are plain {family}"
            )


def _text_section(raw: Mapping[str, Any], text_keys: Iterable[str], source: str) -> Mapping[str, Any]:
    """Return the object with the language model's values: a whole `text_config`, else the file itself."""
    nested = raw.get("text_config")
    if nested is None or nested == {}:
        return raw
    if not isinstance(nested, Mapping):
        raise InputError(f"{source}: text_config: expected an object; got {nested!r}")
    whole = "hidden_size" in nested
    for key in _SHAPE_KEYS if whole else sorted(set(text_keys) - _DECIDED_ELSEWHERE):
        if raw.get(key) is not None and nested.get(key) is not None and raw[key] != nested[key]:
            raise InputError(
                f"{source}: {key}: expected one value; got {raw[key]!r} and, in text_config, {nested[key]!r}. "
                "Remove the wrong one"
            )
    return nested if whole else {**raw, **nested, "model_type": raw["model_type"]}


def _end_tokens(raw: Mapping[str, Any], source: str) -> tuple[int, ...]:
    ids = check_token_ids(raw.get("eos_token_id"), source)
    if not ids:
        raise InputError(
            f"{source}: eos_token_id is missing, here and in generation_config.json, so no answer would end. "
            "Add the id of the end token"
        )
    return ids


def _with_rows(text: TextConfig, rows: int | None, reader: ConfigReader) -> TextConfig:
    """Return the language model with the vocabulary of its embedding: `vocab_size` may be stale, tensors are not."""
    if rows is None or rows == text.vocab_size:
        return text
    reader.notes.append(
        f"{reader.source}: vocab_size is {text.vocab_size}, and the embedding has {rows} rows, which count"
    )
    return replace(text, vocab_size=reader.size({"rows of the embedding": rows}, "rows of the embedding", rows))


def _inside(ids: tuple[int, ...], vocabulary: int, reader: ConfigReader) -> tuple[int, ...]:
    """Return the end tokens inside the vocabulary; the others never occur."""
    inside = tuple(token for token in ids if 0 <= token < vocabulary)
    outside = [token for token in ids if token not in inside]
    if not inside:
        raise InputError(
            f"{reader.source}: eos_token_id {outside[0]} is outside the vocabulary 0..{vocabulary - 1}, so no answer "
            "would end. Check it here and in generation_config.json"
        )
    reader.notes.extend(
        f"{reader.source}: eos_token_id {token} is outside the vocabulary 0..{vocabulary - 1} and never occurs"
        for token in outside
    )
    return inside


def check_token_ids(value: object, source: str) -> tuple[int, ...]:
    """Return the ids of an `eos_token_id`: null, one id or a list.

    Raises:
        InputError: anything else.
    """
    ids = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(item, int) and not isinstance(item, bool) for item in ids):
        raise InputError(f"{source}: eos_token_id: expected a token id or a list of them; got {value!r}")
    return tuple(ids)


def _check_sections_fit(config: Config, source: str) -> None:
    """Refuse a tower and a language model that do not fit each other."""
    if config.vision.out_hidden_size != config.text.hidden_size:
        raise InputError(
            f"{source}: expected out_hidden_size of the tower to equal hidden_size of the language model; "
            f"got {config.vision.out_hidden_size} and {config.text.hidden_size}"
        )


def read_vision_sizes(
    reader: ConfigReader,
    raw: Mapping[str, Any],
    names: tuple[str, ...] = (),
    *,
    defaults: VisionConfig | None = None,
) -> dict[str, Any]:
    """Read the fields of `VisionConfig` that every family has, and the sizes in `names`.

    A missing size takes that of `defaults`; None: the reference's for Qwen2.5-VL.

    Raises:
        InputError: a size, rotary value or epsilon that is malformed or not implemented.
    """
    raw = {**raw, "in_channels": raw.get("in_channels", raw.get("in_chans", 3))}
    rope = reader.table(raw, "rope_parameters")
    reader.check_keys(rope, ROPE_KEYS - {"mrope_section"}, "rotary", "vision_config's rope_parameters")
    for key in ("rope_type", "type"):
        reader.check_value(rope, key, ("axial", "default"))
    reader.check_value(raw, "layer_norm_eps", (VISION_NORM_EPS, None))
    sizes: dict[str, Any] = reader.sizes(raw, defaults or VisionConfig, (*_VISION_SIZES, *names))
    for alias, name in _VISION_ALIASES.items():
        reader.check_value(raw, alias, (sizes[name], None))
    return {**sizes, "rope_theta": reader.number(rope, "rope_theta", VisionConfig.rope_theta)}


# Limits against a damaged file, far above any checkpoint: a model is built before its weights are compared.
_LAYER_COUNTS = {"depth", "num_hidden_layers"}
_MAX_LAYERS, _MAX_SIZE = 1024, 2**24


class ConfigReader:
    """A reader of checked values. Its messages name the file, the key and the value.

    Attributes:
        source: name of the file in messages.
        ignored: keys in the file that change nothing; those of nested objects as "object.key".
        notes: sentences on values that something else overrides.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.ignored: set[str] = set()
        self.notes: list[str] = []

    def error(self, key: str, expected: str, value: object, advice: str = "") -> InputError:
        """Return the error for a value that is not the expected one."""
        return InputError(f"{self.source}: {key}: expected {expected}; got {value!r}{advice and f'. {advice}'}")

    def integer(self, raw: Mapping[str, Any], key: str, default: int) -> int:
        """Return a whole number of at least 0.

        Raises:
            InputError: anything else, here and in all methods.
        """
        value = raw.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(key, "a whole number of at least 0", value)
        return value

    def size(self, raw: Mapping[str, Any], key: str, default: int) -> int:
        """Return a whole number of at least 1; at most 1,024 for layers, 2^24 for other sizes."""
        value, most = self.integer(raw, key, default), _MAX_LAYERS if key in _LAYER_COUNTS else _MAX_SIZE
        if not 1 <= value <= most:
            raise self.error(key, f"a whole number in 1..{most}", value)
        return value

    def sizes(self, raw: Mapping[str, Any], section: object, names: Iterable[str]) -> dict[str, int]:
        """Return several sizes by name; a missing one takes the value of a section's field."""
        return {name: self.size(raw, name, getattr(section, name)) for name in names}

    def number(self, raw: Mapping[str, Any], key: str, default: float) -> float:
        """Return a finite number above 0."""
        value = raw.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= sys.float_info.max:
            raise self.error(key, "a finite number above 0", value)
        return float(value)

    def table(self, raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Return an object; an empty one if the key is absent."""
        value = raw.get(key) or {}
        if not isinstance(value, Mapping):
            raise self.error(key, "an object", value)
        return value

    def check_value(self, raw: Mapping[str, Any], key: str, implemented: tuple[Any, ...]) -> None:
        """Refuse a value that is not implemented; the key may be absent."""
        if key in raw and raw[key] not in implemented:
            raise self.error(key, " or ".join(map(repr, implemented)), raw[key], "Nothing else is implemented")

    def check_keys(self, raw: Mapping[str, Any], known: Iterable[str], section: Section, where: str = "") -> None:
        """Refuse unknown keys that change the numbers, by the rule of `config_keys`; add the others to `ignored`.

        Args:
            raw: the object.
            known: keys that are read.
            section: kind of the object.
            where: name of the object; "" for the file itself.
        """
        for key in sorted(set(raw) - set(known), key=str):
            value = raw[key]
            if value is None:
                continue
            if config_keys.changes_numbers(key, value, section):
                raise InputError(
                    f"{self.source}: unknown key {key!r}{f' in {where}' if where else ''} with the value {value!r}. "
                    f"{config_keys.advice(key)}"
                )
            self.ignored.add(f"{where}.{key}" if where else key)

    def check_heads(self, width: int, heads: int, key: str) -> None:
        """Refuse heads that do not split a width into parts of even size."""
        if width % heads or (width // heads) % 2:
            raise InputError(f"{self.source}: {key}: {heads} does not split the width {width} into heads of even size")

    def check_vision_heads(self, config: VisionConfig) -> None:
        """Refuse a tower's heads that do not split into rows and columns for the rotary positions."""
        self.check_heads(config.hidden_size, config.num_heads, "num_heads")
        if config.head_dim % 4:
            raise InputError(
                f"{self.source}: num_heads: expected vision heads whose width is a multiple of 4; got {config.head_dim}"
            )


# Keys that are read. A family adds its own.
_TOKEN_IDS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
_TOP_KEYS = frozenset(
    {
        *_TOKEN_IDS,
        *("model_type", "text_config", "vision_config", "quantization", "quantization_config"),
        *("auto_map", "model_file"),
    }
)
_VISION_SIZES = ("depth", "num_heads", "in_channels", "patch_size", "temporal_patch_size", "spatial_merge_size")
# Other names of sizes, which may repeat them.
_VISION_ALIASES = {"num_attention_heads": "num_heads", "num_hidden_layers": "depth", "num_channels": "in_channels"}
VISION_KEYS = frozenset(
    {*_VISION_SIZES, *_VISION_ALIASES, "in_chans", "hidden_act", "rope_parameters", "layer_norm_eps"}
)
ROPE_KEYS = frozenset({"mrope_section", "rope_theta", "rope_type", "type"})
# The tensors decide on vocab_size; generation_config.json replaces the end tokens.
_DECIDED_ELSEWHERE = frozenset({"vocab_size", "eos_token_id"})
# Keys that two spellings of the language model in one file have to agree on.
_SHAPE_KEYS = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
