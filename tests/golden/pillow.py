"""Writes what one version of Pillow makes of 600 resizes, as hashes; run once with each version that is kept.

    pip install pillow==12.1.0 && python tests/golden/pillow.py        # adds or replaces that version's list

Versions matter because the order of the two passes does: up to 12.1 horizontal first, in 12.2 and 12.3 vertical first
for sources over 100 times as tall as wide, from 13.0 vertical first where that is less work. Needs Pillow and NumPy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

HERE = Path(__file__).resolve().parent
COUNT = 600


def cases() -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    """(uint8 RGB image, (width, height) to resize to): all shapes up to 600, some strips far longer than wide."""
    for number in range(COUNT):
        random = np.random.RandomState(number)
        width, height, wide, high = (int(np.exp(random.uniform(0, np.log(600.99)))) for _ in range(4))
        if number % 6 == 0:
            width, height = 1 + number // 6 % 6, 700 + 3 * number  # over 100 times as tall as wide
        elif number % 6 == 1:
            width, height = 700 + 3 * number, 1 + number // 6 % 6
        elif number % 6 == 2:
            width, height, wide, high = 300, 400 + number % 7, 90 + number % 5, 60  # pages and upright screens
        noise = random.randint(0, 256, (height, width, 3), dtype=np.uint8)
        yield np.where(noise > 127, 255, 0).astype(np.uint8) if number % 2 else noise, (wide, high)


def digest(pixels: np.ndarray) -> str:
    """The first 16 hexadecimal digits of SHA-256: enough to tell 600 results apart."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()[:16]


def main() -> None:
    path = HERE / "pillow.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept[PIL.__version__] = [
        digest(np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))) for image, size in cases()
    ]
    lines = [f'"{version}": {json.dumps(kept[version])}' for version in sorted(kept)]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
