"""Writes what torchvision makes of 400 resizes, and transformers' torchvision image processor of 13 images, as hashes.

    python tests/golden/torchvision_pixels.py        # needs torch (CPU), torchvision, transformers, Pillow

The processor is Qwen2VLImageProcessor, on images of the default mean and deviation and of those of Qwen3-VL. A wheel of
torchvision for another build of torch will do: its own operators are not used, so they need not be there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
COUNT = 400

# Axes whose largest weight, of 16 bits, does not fit into two signed bytes; and two just below.
LARGE_AXES = [(115, 27), (122, 7), (174, 20), (195, 194), (114, 27), (123, 7)]

# ((height, width), min_pixels, max_pixels, patch_size), as in geometry.py
PROCESSOR_CASES = [
    ((56, 56), 3136, 1003520, 14),
    ((56, 84), 3136, 1003520, 14),
    ((1, 1), 3136, 1003520, 14),
    ((5, 300), 3136, 1003520, 14),
    ((300, 3), 3136, 1003520, 14),
    ((61, 97), 3136, 1003520, 14),
    ((640, 100), 3136, 28224, 14),
    ((900, 120), 3136, 50176, 14),
    ((333, 517), 3136, 100352, 14),
    ((480, 640), 3136, 1003520, 14),
    ((64, 64), 4096, 16777216, 16),
    ((150, 410), 65536, 16777216, 16),
    ((777, 95), 4096, 65536, 16),
]


def picture(seed: int, height: int, width: int) -> np.ndarray:
    """Return noise, or for odd seeds hard edges, which show a wrong weight best."""
    noise = np.random.RandomState(seed).randint(0, 256, (height, width, 3), dtype=np.uint8)
    return np.where(noise > 127, 255, 0).astype(np.uint8) if seed % 2 else noise


def cases() -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    """Yield (uint8 RGB image, (width, height) to resize to)."""
    for number in range(COUNT):
        random = np.random.RandomState(number)
        width, height, wide, high = (int(np.exp(random.uniform(0, np.log(400.99)))) for _ in range(4))
        if number % 8 == 0:
            width, height = 1 + number // 8 % 6, 500 + number
        elif number % 8 == 1:
            wide, high = width, high + 1  # the width stays
        elif number % 8 == 2:
            wide, high = wide + 1, height
        elif number % 8 == 3:
            width, height = 35 * wide % 1500 + 1, 35 * high % 900 + 1
        elif number % 8 in (4, 5):
            (width, wide), (height, high) = (LARGE_AXES[number // k % len(LARGE_AXES)] for k in (8, 48))
        yield picture(number, height, width), (wide, high)


def digest(pixels: np.ndarray) -> str:
    """Return the first 16 hexadecimal digits of SHA-256."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()[:16]


def skip_absent_operators() -> None:
    """Let torchvision import without its compiled operators."""
    import torch

    register = torch.library.register_fake

    def register_fake(op: object, *arguments: object, **named: object) -> Callable[..., object]:
        if isinstance(op, str) and op.startswith("torchvision::"):
            return lambda function: function
        return register(op, *arguments, **named)

    torch.library.register_fake = register_fake


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize with torchvision.

    The tensor is channels last in memory: channels first, torch asserts on a result of one pixel, and computes wrong
    values for a result one pixel wide where it takes its generic path.
    """
    import torch
    from torchvision.transforms.v2 import functional

    tensor = torch.from_numpy(image).permute(2, 0, 1)
    bicubic = functional.InterpolationMode.BICUBIC
    made = functional.resize(tensor, [size[1], size[0]], interpolation=bicubic, antialias=True)
    return np.ascontiguousarray(made.permute(1, 2, 0).numpy())


def processed(number: int) -> dict[str, object]:
    """Return a case of the processor: its arguments, and the grid and digest of its pixel values."""
    from PIL import Image
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

    size, low, high, patch_size = PROCESSOR_CASES[number]
    named = {"size": {"shortest_edge": low, "longest_edge": high}, "patch_size": patch_size}
    if patch_size == 16:
        named |= {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    processor = Qwen2VLImageProcessor(**named)
    out = processor(images=[Image.fromarray(picture(number, *size))], return_tensors="pt")
    values = out["pixel_values"].numpy()
    assert values.dtype == np.float32
    return {
        "size": list(size),
        "min_pixels": low,
        "max_pixels": high,
        "patch_size": patch_size,
        "mean": list(processor.image_mean),
        "std": list(processor.image_std),
        "grid": out["image_grid_thw"][0].tolist(),
        "digest": digest(values),
    }


def main() -> None:
    """Write torchvision_pixels.json."""
    skip_absent_operators()
    import PIL
    import torch
    import torchvision
    import transformers

    packages = {"torch": torch, "torchvision": torchvision, "transformers": transformers, "pillow": PIL}
    data = {
        "generator": "tests/golden/torchvision_pixels.py",
        "versions": {name: package.__version__ for name, package in packages.items()},
        "capability": torch.backends.cpu.get_cpu_capability(),
        "processor": [processed(number) for number in range(len(PROCESSOR_CASES))],
        "resized": [digest(resized(image, size)) for image, size in cases()],
    }
    text = json.dumps(data, separators=(",", ":")).replace("},{", "},\n{").replace("],", "],\n")
    (HERE / "torchvision_pixels.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
