"""Writes what transformers' image processor of Gemma 4 makes of sizes and of images: `gemma4.json`.

Pinned: transformers==5.24.0 torch==2.13.0 (CPU) torchvision==0.28.0 pillow==13.0.0. A row of sizes has width, height,
budget, then the resized width and height and the tokens. An image is made from its place in the list by the tests too:
its row has width, height, budget and backend, then the tokens, the SHA-256 of its patches, float32 without the padding,
and of their (column, row), int64.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "benchmarks"))

import torch  # noqa: E402
import torchvision_import  # noqa: E402
import transformers  # noqa: E402
from transformers.models.gemma4.image_processing_gemma4 import Gemma4ImageProcessor  # noqa: E402
from transformers.models.gemma4.image_processing_pil_gemma4 import (  # noqa: E402
    Gemma4ImageProcessorPil,
    get_aspect_ratio_preserving_size,
)

BUDGETS = (70, 140, 280, 560, 1120)
SCREENS = (
    (1920, 1080), (2560, 1440), (3840, 2160), (1280, 720), (1366, 768), (2880, 1800), (3456, 2234), (1512, 982),
    (2560, 1080), (3440, 1440), (1024, 768), (4032, 3024), (5712, 4284), (640, 480), (320, 240), (1080, 1920),
    (1170, 2532), (1290, 2796), (1668, 2388), (2048, 2732), (1240, 1754), (2480, 3508), (1000, 1000), (64, 64),
    (1200, 90), (57, 1001), (2000, 13), (1, 1), (1, 9000), (9000, 1), (48, 48), (47, 48), (4800, 1),
)  # fmt: skip
# width, height, budget, backend
IMAGES = (
    (64, 48, 70, "pillow"), (48, 336, 70, "pillow"), (13, 900, 70, "pillow"), (700, 5, 140, "pillow"),
    (640, 480, 70, "pillow"), (432, 336, 70, "pillow"), (1280, 720, 280, "pillow"), (301, 777, 560, "pillow"),
    (50, 50, 1120, "pillow"), (640, 480, 70, "torchvision"), (90, 60, 280, "torchvision"),
    (432, 336, 70, "torchvision"),
)  # fmt: skip


def size_cases() -> Iterator[tuple[int, int, int]]:
    random = np.random.RandomState(0)
    for budget in BUDGETS:
        for width, height in SCREENS:
            yield width, height, budget
        for _ in range(250):
            width, height = (int(side) for side in np.exp(random.uniform(0, np.log(9000), 2)))
            yield width, height, budget
        target = budget * 48**2
        for k in range(1, 20):  # sides that are multiples of a token, and areas at the target
            yield 48 * k, target // (48 * k), budget
            yield target // (48 * k) + 1, 48 * k, budget


def pixels(place: int, width: int, height: int) -> np.ndarray:
    return np.random.RandomState(place).randint(0, 256, (height, width, 3), dtype=np.uint8)


def digest(values: Any, dtype: str) -> str:
    return hashlib.sha256(np.ascontiguousarray(values, dtype).tobytes()).hexdigest()


def prepared(place: int, width: int, height: int, budget: int, backend: str) -> list[Any]:
    kind = {"pillow": Gemma4ImageProcessorPil, "torchvision": Gemma4ImageProcessor}[backend]
    made = kind(max_soft_tokens=budget)(Image.fromarray(pixels(place, width, height)), return_tensors="pt")
    values, positions = np.array(made["pixel_values"][0]), np.array(made["image_position_ids"][0])
    tokens = int(made["num_soft_tokens_per_image"][0])
    assert values.dtype == np.float32
    assert not values[9 * tokens :].any()
    assert (positions[9 * tokens :] == -1).all()
    return [tokens, digest(values[: 9 * tokens], "<f4"), digest(positions[: 9 * tokens], "<i8")]


def main() -> None:
    """Write the file."""
    versions = {"transformers": transformers.__version__, "pillow": PIL.__version__}
    versions |= {"torch": torch.__version__, "torchvision": torchvision_import.torchvision.__version__}
    assert versions["transformers"] == "5.24.0"
    sizes = []
    for width, height, budget in size_cases():
        high, wide = get_aspect_ratio_preserving_size(height, width, 16, 9 * budget, 3)
        sizes.append([width, height, budget, wide, high, wide * high // 48**2])
    images = [[*case, *prepared(place, *case)] for place, case in enumerate(IMAGES)]
    parts = [f'"about": {json.dumps(versions)}']
    for name, rows in (("sizes", sizes), ("images", images)):
        parts.append(f'"{name}": [\n' + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "]")
    (HERE / "gemma4.json").write_text("{" + ",\n".join(parts) + "}\n")


if __name__ == "__main__":
    main()
