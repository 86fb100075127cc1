"""Writes `binding.json`: plans and pixels as the Python binding computes them, for Swift's to be compared with.

    python tests/golden/binding.py

Pixels come from a formula that both sides know, and results are FNV-1a hashes of their bytes.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mlx_saccade as saccade

HERE = Path(__file__).parent
SIZES = [(3840, 2160), (1, 1), (1179, 2556), (5000, 30), (30, 4000), (57, 43), (20000, 20000), (601, 3)]
BUDGETS = [None, "4", "16", "70", "63", "64", "1280", "100000", "3136px", "1003520px", "checkpoint", "transformers"]
BUDGETS += ["ollama@0.13.3", "ollama", "llama.cpp", "sglang@2025.11", "mlx-swift-lm", "qwen-vl-utils", "lm-studio"]
FORMATS = {"rgb": 3, "rgbx": 4, "bgrx": 4, "grey": 1}
BACKENDS = {
    "pillow12": ("pillow", "horizontal"),
    "pillow13": ("pillow", "pillow13"),
    "torchvision": ("torchvision", None),
}


def plans() -> Iterator[dict[str, Any]]:
    """Yield plans of all combinations that say something new."""
    names = saccade.families.names()
    for size, family, budget, least, pixels in itertools.product(
        SIZES, names, BUDGETS, (None, 8, 1000), (None, (3136, 200704))
    ):
        if (least or pixels) and size not in SIZES[:3]:
            continue
        case = {"size": size, "family": family, "budget": budget, "min_tokens": least, "checkpoint_pixels": pixels}
        try:
            plan = saccade.plan(
                size, family=family, budget=budget, min_tokens=least, checkpoint_pixels=pixels
            ).as_dict()
        except saccade.InputError:
            yield case | {"error": True}
            continue
        names_kept = ("min_pixels", "max_pixels", "resized_size", "tokens", "patches", "windows", "notes")
        yield case | {"error": False, "words": plan["budget"]} | {name: plan[name] for name in names_kept}


def picture(width: int, height: int, channels: int) -> NDArray[np.uint8]:
    """Return pixels by a formula: sample n is the high byte of a linear congruence."""
    state = np.arange(width * height * channels, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(12345)
    return (state >> np.uint32(24)).astype(np.uint8).reshape(height, width, channels)


def digest(array: NDArray[Any]) -> str:
    """Return FNV-1a of 64 bits, of little-endian bytes."""
    value = 0xCBF29CE484222325
    for byte in np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes():
        value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return f"{value:016x}"


def pixels() -> Iterator[dict[str, Any]]:
    """Yield the digests of resizes and patches."""
    for number, (form, family, backend) in enumerate(
        itertools.product(FORMATS, ("qwen2.5-vl", "qwen3-vl", "gemma-4"), BACKENDS)
    ):
        width, height = 61 + 17 * number % 90, 40 + 31 * number % 110
        image = picture(width, height, FORMATS[form])
        library, order = BACKENDS[backend]
        options: dict[str, Any] = {"backend": library, "pass_order": order, "pixel_format": form}
        plan = saccade.plan((width, height), family=family, budget=70 if family == "gemma-4" else 16)
        yield {
            "size": [width, height],
            "format": form,
            "family": family,
            "backend": backend,
            "resized": digest(saccade.resize(image, (50, 37), **options)),
            "native": "" if family == "gemma-4" else digest(saccade.patchify(image, plan, **options)),
            "reference": digest(saccade.patchify(image, plan, "reference", **options)),
        }


def table() -> str:
    """Return the JSON text, one case a line."""
    parts = {
        name: ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        for name, cases in (("plans", plans()), ("pixels", pixels()))
    }
    return "{" + ",\n".join(f'"{name}": [\n{lines}\n]' for name, lines in parts.items()) + "}\n"


if __name__ == "__main__":
    (HERE / "binding.json").write_text(table(), encoding="utf-8")
