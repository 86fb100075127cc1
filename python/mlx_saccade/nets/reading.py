"""Checked values out of a parsed config.json: a message names the file, the key and the value that will not do."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from mlx_saccade.errors import InputError

__all__ = ["Reader"]

# Bounds against a damaged file, far above any checkpoint: a network is laid out before its weights are compared.
_LAYERS = {"depth", "num_hidden_layers"}
_MOST_LAYERS, _MOST = 1024, 2**24


class Reader:
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
