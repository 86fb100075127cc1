"""Writes the sizes that Qwen's own tool gives the frames of films under limits on the whole film: `total_pixels.json`.

Pinned: torch==2.13.0 (CPU) qwen-vl-utils==0.0.14. Its `fetch_video` runs on films without pixels, so any torchvision
will do. A row has the patch size, frames, height, width, total_pixels, min_pixels and max_pixels (null where the tool's
own apply), then height and width, 0 where the tool raises.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "benchmarks"))

import torch  # noqa: E402
import torchvision_import  # noqa: E402, F401
from qwen_vl_utils import vision_process  # noqa: E402

Case = tuple[int, int, int, int, int, int | None, int | None]


def cases(random: np.random.RandomState, patch: int) -> Iterator[Case]:
    """Films and limits."""
    area = (2 * patch) ** 2
    for frames in (2, 4, 16, 64, 300, 768):
        for total in (256, 1024, 8192, 24_576, 115_200):
            yield patch, frames, 1080, 1920, total * area, None, None
            yield patch, frames, 360, 640, total * area, 16 * area, None
            yield patch, frames, 720, 1280, total * area, None, 256 * area
    for _ in range(300):
        height, width = (int(side) for side in np.exp(random.uniform(np.log(8), np.log(4400), 2)))
        frames = 2 * int(np.exp(random.uniform(0, np.log(384))))
        total = int(np.exp(random.uniform(np.log(64), np.log(120_000))) * area)
        least = int(np.exp(random.uniform(np.log(4), np.log(200))) * area) if random.randint(2) else None
        most = int(np.exp(random.uniform(np.log(200), np.log(2000))) * area) if random.randint(2) else None
        yield patch, frames, height, width, total, least, most


def resized(case: Case) -> list[int]:
    """Height and width; zeros where the tool raises."""
    patch, frames, height, width, total, least, most = case
    part: dict[str, Any] = {"video": "film", "total_pixels": total, "min_pixels": least, "max_pixels": most}
    sizes: list[list[int]] = []

    def read(_: Any) -> Any:
        return torch.empty((frames, 3, height, width), device="meta"), {}, 2.0

    def resize(video: Any, size: list[int], **_: Any) -> Any:
        sizes.append(size)
        return video

    vision_process.VIDEO_READER_BACKENDS = dict.fromkeys(("torchvision", "decord", "torchcodec"), read)
    vision_process.transforms.functional.resize = resize
    try:
        vision_process.fetch_video({key: value for key, value in part.items() if value is not None}, patch)
    except (AssertionError, ValueError):
        return [0, 0]
    return sizes[0]


def main() -> None:
    """Write the file."""
    random = np.random.RandomState(0)
    rows = [[*case, *resized(case)] for patch in (14, 16) for case in cases(random, patch)]
    about = {"qwen-vl-utils": importlib.metadata.version("qwen-vl-utils")}
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (HERE / "total_pixels.json").write_text(f'{{"about": {json.dumps(about)},\n"sizes": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
