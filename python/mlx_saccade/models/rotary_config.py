"""The rotary values of a language model in config.json, which has two spellings of them.

The published checkpoints have `rope_theta` beside `rope_scaling`; transformers 5 writes all of it to `rope_parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlx_saccade.errors import InputError
from mlx_saccade.models.config import ROPE_KEYS, ConfigReader, TextConfig
from mlx_saccade.models.yarn import YARN_KEYS, Yarn, attention_factor

__all__ = ["mrope_section", "read_yarn", "rotary_values"]


def rotary_values(
    reader: ConfigReader, raw: Mapping[str, Any], *, also: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return the rotary values of either spelling, or of both where they agree; `rope_type` is "default" or "yarn".

    Args:
        reader: checks them.
        raw: the language model's values.
        also: further keys that the family knows.

    Raises:
        InputError: a value that is malformed or not implemented.
    """
    values: dict[str, Any] = {}
    for name in ("rope_parameters", "rope_scaling"):
        table = reader.table(raw, name)
        for key in ("rope_type", "type"):
            reader.check_value(table, key, ("default", "mrope", "yarn", None))
        named = [value for key in ("rope_type", "type") if (value := table.get(key)) is not None]
        kind = "yarn" if named[:1] == ["yarn"] else "default"  # rope_type wins, and "mrope" is its old word for default
        known = ROPE_KEYS | also | (YARN_KEYS if kind == "yarn" else frozenset())
        reader.check_keys(table, known, "rotary", name)
        found = {key: value for key, value in table.items() if key not in ("rope_type", "type")}
        for key, value in {**found, **({"rope_type": kind} if named else {})}.items():
            if values.setdefault(key, value) != value:
                raise InputError(
                    f"{reader.source}: {key}: expected one value; got {values[key]!r} and, in {name}, {value!r}. "
                    "Remove the wrong one"
                )
    return values


def read_yarn(reader: ConfigReader, raw: Mapping[str, Any], rope: Mapping[str, Any], config: TextConfig) -> Yarn:
    """Read a YaRN table. As in transformers, a null factor is the ratio of both lengths."""
    if "factor" not in rope:
        raise reader.error("factor", "the factor of a rotary table of type yarn", None)
    reader.check_value(rope, "truncate", (True, False))
    if config.rope_theta <= 1:
        raise reader.error("rope_theta", "a number above 1 with yarn", config.rope_theta)
    place = raw if raw.get("original_max_position_embeddings") is not None else _without_null(rope)
    length = reader.number(place, "original_max_position_embeddings", config.max_position_embeddings)
    given = _without_null(rope)
    factor = reader.number(given, "factor", config.max_position_embeddings / length)
    scales = {key: reader.number(given, key, 0.0) if given.get(key) else 0.0 for key in ("mscale", "mscale_all_dim")}
    return Yarn(
        factor=factor,
        original_max_position_embeddings=length,
        attention_factor=reader.number(given, "attention_factor", attention_factor(factor, **scales)),
        beta_fast=reader.number(given, "beta_fast", Yarn.beta_fast),
        beta_slow=reader.number(given, "beta_slow", Yarn.beta_slow),
        truncate=rope.get("truncate", True),
    )


def _without_null(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def mrope_section(reader: ConfigReader, value: object) -> tuple[int, int, int]:
    """Check the sizes of M-RoPE's sections.

    Raises:
        InputError: anything but three whole numbers of at least 0.
    """
    if not isinstance(value, list) or len(value) != 3 or not all(type(size) is int and size >= 0 for size in value):
        raise reader.error("mrope_section", "three whole numbers: time, height, width", value)
    return value[0], value[1], value[2]
