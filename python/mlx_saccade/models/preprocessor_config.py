"""The normalization and size limits of a checkpoint: preprocessor_config.json, read and checked.

transformers 5 may write the same values as `image_processor` of processor_config.json, and reads those first. A missing
value takes the reference's default (transformers 5.23.0, models/qwen2_vl/image_processing_qwen2_vl.py). A value that
means other arithmetic is refused, because ignoring it would change pixels without an error.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_saccade import families
from mlx_saccade.checkpoint.files import optional_json
from mlx_saccade.errors import InputError
from mlx_saccade.models.config import VisionConfig

__all__ = [
    "Preprocessor",
    "check_shapes",
    "check_steps",
    "pixel_limits",
    "read",
    "read_limits",
    "three",
    "without_nulls",
]

Three = tuple[float, float, float]

_FAMILY = families.get("qwen2.5-vl")
_BICUBIC = 3  # PIL.Image.Resampling.BICUBIC
_RESCALE = 1 / 255
# The two limits, and what `size` calls them, though they are areas; transformers 5.24's class has these defaults.
_EDGES = {"min_pixels": "shortest_edge", "max_pixels": "longest_edge"}
_SIZE_KEYS = {*_EDGES, *_EDGES.values()}
_DEFAULT_LIMITS = (56 * 56, 28 * 28 * 1280)
# Steps that always run, and steps that never do; null means the reference's default, which is the same.
_STEPS = {"do_resize": True, "do_rescale": True, "do_normalize": True, "do_center_crop": False, "do_pad": False}
_PATCH_SIZE = 14  # the reference's default
# (key of the file, attribute of the tower, the reference's default)
_SHAPES = (("merge_size", "spatial_merge_size", 2), ("temporal_patch_size", "temporal_patch_size", 2))


@dataclass(frozen=True)
class Preprocessor:
    """Normalization and size limits of a checkpoint.

    Attributes:
        mean: mean of red, green and blue, for pixels in 0..1.
        std: standard deviation of red, green and blue, above 0.
        pixel_limits: (min_pixels, max_pixels) of a resized image; None if the file has none.
        notes: sentences on values that the checkpoint leaves out.
    """

    mean: Three
    std: Three
    pixel_limits: tuple[int, int] | None
    notes: tuple[str, ...] = ()


def read(folder: Path, vision: VisionConfig, family: str = "qwen2.5-vl") -> Preprocessor:
    """Read and check the file of a checkpoint folder.

    Args:
        folder: the checkpoint.
        vision: shape of the tower that reads the pixels.
        family: name of the family, whose published values a checkpoint without either file takes.

    Raises:
        InputError: a value that is malformed, not implemented, or contradicts the tower; the message names file and
            key.
    """
    located, published = _find(folder), families.get(family)
    if located is None:
        note = f"{folder / 'preprocessor_config.json'}: no such file. Normalization and limits are those of {family}"
        return Preprocessor(published.mean, published.std, None, (note,))
    raw, path = located
    check_steps(raw, path)
    check_shapes(raw, path, vision, _PATCH_SIZE)
    std = three(path, "image_std", raw.get("image_std", _FAMILY.std))
    if min(std) <= 0:
        raise InputError(f"{path}: image_std: expected numbers above 0; got {list(std)}")
    mean = three(path, "image_mean", raw.get("image_mean", _FAMILY.mean))
    limits, note = read_limits(raw, path, _DEFAULT_LIMITS)
    notes = [note] if note else []
    notes += [
        f"{path}: no {key}. It is {list(value)}, as in transformers; {family} was published with {list(own)}"
        for key, value, own in (("image_mean", mean, published.mean), ("image_std", std, published.std))
        if key not in raw and value != own
    ]
    return Preprocessor(mean, std, limits, tuple(notes))


def check_steps(raw: Mapping[str, Any], path: Path) -> None:
    """Refuse steps other than bicubic resizing, rescaling to 0..1 and normalization.

    Raises:
        InputError: a value of the file says otherwise; the message names file and key.
    """
    for key, runs in _STEPS.items():
        if raw.get(key, runs) != runs:
            expected = "true" if runs else "false"
            raise InputError(f"{path}: {key}: expected {expected}; got {raw[key]!r}, which is not implemented")
    resample = raw.get("resample", _BICUBIC)
    if isinstance(resample, bool) or resample not in (_BICUBIC, "bicubic"):
        raise InputError(f"{path}: resample: expected 3 (bicubic); got {resample!r}, which is not implemented")
    factor = raw.get("rescale_factor", _RESCALE)
    if not isinstance(factor, float) or not math.isclose(factor, _RESCALE, rel_tol=1e-6):
        raise InputError(f"{path}: rescale_factor: expected 1/255; got {factor!r}, which is not implemented")
    if raw.get("auto_map"):
        raise InputError(
            f"{path}: auto_map: expected no code; got {raw['auto_map']!r}, which is never run. Remove the key"
        )


def check_shapes(raw: Mapping[str, Any], path: Path, vision: VisionConfig, patch_size: int) -> None:
    """Refuse sizes of patches that are not the tower's.

    Args:
        raw: values of the file.
        path: the file.
        vision: shape of the tower.
        patch_size: the reference's default, in pixels.

    Raises:
        InputError: a size differs; the message names file and key.
    """
    shapes = (("patch_size", "patch_size", patch_size), *_SHAPES)
    for key, name, default in shapes:
        value, tower = raw.get(key, default), getattr(vision, name)
        if isinstance(value, bool) or value != tower:
            raise InputError(
                f"{path}: {key} is {value!r}, but config.json's {name} is {tower}. "
                "Check that both files belong to one checkpoint"
            )


def pixel_limits(folder: Path) -> tuple[int, int] | None:
    """Return (min_pixels, max_pixels) of a checkpoint folder in any spelling; None if it has none.

    Raises:
        InputError: limits that are not positive whole numbers, or a lower limit above the upper.
    """
    located = _find(folder)
    return read_limits(*located, _DEFAULT_LIMITS)[0] if located else None


def _find(folder: Path) -> tuple[Mapping[str, Any], Path] | None:
    """Return the values of the file that has them, without those that are null, and its path."""
    whole = folder / "processor_config.json"
    nested = (optional_json(whole) or {}).get("image_processor")
    if nested is not None and not isinstance(nested, dict):
        raise InputError(f"{whole}: image_processor: expected an object; got {nested!r}")
    own = folder / "preprocessor_config.json"
    raw, path = (nested, whole) if nested is not None else (optional_json(own), own)
    return None if raw is None else (without_nulls(raw), path)


def without_nulls(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a file that are not null; null means the reference's default."""
    return {key: value for key, value in raw.items() if value is not None}


def read_limits(raw: Mapping[str, Any], path: Path, defaults: tuple[int, int]) -> tuple[tuple[int, int] | None, str]:
    """Return the limits, None if there is none, and a note on a missing one.

    Args:
        raw: values of the file.
        path: the file.
        defaults: (min_pixels, max_pixels) of the reference's class.

    Raises:
        InputError: limits that are not positive whole numbers, or a lower limit above the upper.
    """
    size = raw.get("size", {})
    if not isinstance(size, dict) or (size and not set(size) & _SIZE_KEYS):
        raise InputError(f"{path}: size: expected shortest_edge and longest_edge, in pixels of area; got {size!r}")
    limits: dict[str, Any] = {}
    for key, edge in _EDGES.items():
        spelled = (raw.get(key), size.get(key), size.get(edge))
        limits[key] = next((value for value in spelled if value is not None), None)
    missing = [key for key, value in limits.items() if value is None]
    if len(missing) == len(limits):
        return None, ""
    default = dict(zip(_EDGES, defaults, strict=True))
    limits |= {key: default[key] for key in missing}
    note = "".join(f"{path}: no {key}. It is {limits[key]:,}, as in transformers" for key in missing)
    low, high = limits.values()
    if not all(type(value) is int and value > 0 for value in limits.values()) or low > high:
        raise InputError(
            f"{path}: expected min_pixels and max_pixels to be whole numbers above 0, in order; "
            f"got {low!r} and {high!r}{f' (no {missing[0]} in the file)' if missing else ''}"
        )
    return (low, high), note


def three(path: Path, key: str, value: Any) -> Three:
    """Return one number for each of red, green and blue.

    Raises:
        InputError: `value` is not three finite numbers.
    """
    numbers = isinstance(value, list | tuple) and all(
        isinstance(item, int | float) and not isinstance(item, bool) and abs(item) <= sys.float_info.max
        for item in value
    )
    if not numbers or len(value) != 3:
        raise InputError(f"{path}: {key}: expected three finite numbers; got {value!r}")
    return float(value[0]), float(value[1]), float(value[2])
