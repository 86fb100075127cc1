"""How a checkpoint wants its pixels: preprocessor_config.json, held to what this package computes.

transformers 5 may write the same values as `image_processor` of processor_config.json, and reads those first. What a
file leaves out is the reference's default (transformers 5.23.0, models/qwen2_vl/image_processing_qwen2_vl.py); a
value that asks for other arithmetic is refused, since ignoring it would give other pixels without a word.
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

__all__ = ["Preprocessor", "pixel_limits", "read"]

Three = tuple[float, float, float]

_FAMILY = families.get("qwen2.5-vl")
_BICUBIC = 3  # PIL.Image.Resampling.BICUBIC
_RESCALE = 1 / 255
# Steps that are always done, and steps that never are; null means the reference's default, which is the same.
_STEPS = {"do_resize": True, "do_rescale": True, "do_normalize": True, "do_center_crop": False, "do_pad": False}
# (key of the file, attribute of the tower, the reference's default)
_SHAPES = (
    ("patch_size", "patch_size", 14),
    ("merge_size", "spatial_merge_size", 2),
    ("temporal_patch_size", "temporal_patch_size", 2),
)


@dataclass(frozen=True)
class Preprocessor:
    """Normalization and size limits of a checkpoint.

    Attributes:
        mean: what is taken from red, green, blue in 0..1.
        std: what they are then divided by; above 0.
        pixel_limits: (min_pixels, max_pixels) of a resized image; None where the file does not say.
    """

    mean: Three
    std: Three
    pixel_limits: tuple[int, int] | None


def read(folder: Path, vision: VisionConfig) -> Preprocessor:
    """Read and check the file of a checkpoint folder.

    Args:
        folder: of the checkpoint.
        vision: the tower that the pixels are for.

    Raises:
        FileNotFoundError: neither file is there.
        InputError: a value that is malformed, not implemented, or contradicts the tower; the message names file and
            key.
    """
    found = _find(folder)
    if found is None:
        raise FileNotFoundError(
            f"{folder / 'preprocessor_config.json'}: no such file; it says how images are normalized, download it"
        )
    raw, path = found
    for key, done in _STEPS.items():
        if raw.get(key) not in (done, None):
            raise InputError(f"{path}: {key} is {raw[key]!r}, which is not implemented; it has to be {_json(done)}")
    resample = raw.get("resample", _BICUBIC)
    if isinstance(resample, bool) or resample not in (_BICUBIC, "bicubic", None):
        raise InputError(f"{path}: resample is {resample!r}, which is not implemented; it has to be 3 (bicubic)")
    factor = raw.get("rescale_factor", _RESCALE)
    if not isinstance(factor, float) or not math.isclose(factor, _RESCALE, rel_tol=1e-6):
        raise InputError(f"{path}: rescale_factor is {factor!r}, which is not implemented; it has to be 1/255")
    if raw.get("auto_map"):
        raise InputError(
            f"{path}: auto_map is {raw['auto_map']!r}, code of the checkpoint's own, which is never run; remove the key"
        )
    for key, name, default in _SHAPES:
        value, tower = raw.get(key, default), getattr(vision, name)
        if isinstance(value, bool) or value != tower:
            raise InputError(
                f"{path}: {key} is {value!r}, but config.json's {name} is {tower}; "
                "check that both files belong to one checkpoint"
            )
    std = _three(path, "image_std", raw.get("image_std", _FAMILY.std))
    if min(std) <= 0:
        raise InputError(f"{path}: image_std is {list(std)}; each has to be above 0")
    return Preprocessor(_three(path, "image_mean", raw.get("image_mean", _FAMILY.mean)), std, _limits(raw, path))


def pixel_limits(folder: Path) -> tuple[int, int] | None:
    """(min_pixels, max_pixels) of a checkpoint folder in any spelling; None where it does not say.

    Raises:
        InputError: limits that are no positive whole numbers, or the lower above the upper.
    """
    found = _find(folder)
    return _limits(*found) if found else None


def _find(folder: Path) -> tuple[Mapping[str, Any], Path] | None:
    """The values and the file they are in."""
    whole = folder / "processor_config.json"
    nested = (optional_json(whole) or {}).get("image_processor")
    if nested is not None:
        if not isinstance(nested, dict):
            raise InputError(f"{whole}: image_processor is {nested!r}; write an object")
        return nested, whole
    own = folder / "preprocessor_config.json"
    raw = optional_json(own)
    return None if raw is None else (raw, own)


def _limits(raw: Mapping[str, Any], path: Path) -> tuple[int, int] | None:
    nested = raw.get("size")
    size = nested if isinstance(nested, dict) else {}
    found: list[Any] = []
    for key, edge in (("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge")):
        spelled = (raw.get(key), size.get(key), size.get(edge))
        found.append(next((value for value in spelled if value is not None), None))
    if found == [None, None]:
        return None
    if not all(type(value) is int and value > 0 for value in found) or found[0] > found[1]:
        raise InputError(
            f"{path}: min_pixels and max_pixels are {found[0]!r} and {found[1]!r}; write two whole numbers"
        )
    return found[0], found[1]


def _three(path: Path, key: str, value: Any) -> Three:
    numbers = isinstance(value, list | tuple) and all(
        isinstance(item, int | float) and not isinstance(item, bool) and abs(item) <= sys.float_info.max
        for item in value
    )
    if not numbers or len(value) != 3:
        raise InputError(f"{path}: {key} is {value!r}; write three finite numbers")
    return float(value[0]), float(value[1]), float(value[2])


def _json(value: bool) -> str:
    return "true" if value else "false"
