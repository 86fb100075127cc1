"""Writes what transformers' video processors choose of a film, its frames and their size: `video.json`.

Pinned: torch==2.13.0 (CPU) transformers==5.24.0. The processors' own methods run, on films without pixels, so any
torchvision will do. A row of sampling has `about.arguments`, null where the processor's own apply, then the indices'
number and CRC-32 as int32, 0 where the processor raises. A row of sizes has frames, height, width, min_pixels,
max_pixels and cap, then height and width, 0 where it raises. Qwen2-VL's processor computes indices in float32, and now
and then takes one after the last frame, with which it then fails; that one is left out here, and counted.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "benchmarks"))

import torch  # noqa: E402
import torchvision_import  # noqa: E402, F401
import transformers  # noqa: E402
from transformers.image_utils import SizeDict  # noqa: E402
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor  # noqa: E402
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor  # noqa: E402
from transformers.video_processing_utils import BaseVideoProcessor  # noqa: E402
from transformers.video_utils import VideoMetadata  # noqa: E402

PROCESSORS = {"qwen2.5-vl": Qwen2VLVideoProcessor, "qwen3-vl": Qwen3VLVideoProcessor}
ARGUMENTS = ("total", "rate", "fps", "num_frames", "min_frames", "max_frames")
FACTORS = {"qwen2.5-vl": 28, "qwen3-vl": 32}
LIMITS = {
    "qwen2.5-vl": ((100_352, 602_112), (3136, 12_845_056), (784, 784)),
    "qwen3-vl": ((4096, 25_165_824), (131_072, 786_432), (65_536, 16_777_216), (1, 1)),
}
RATES = (24, 25, 30, 60, 23.976, 24000 / 1001, 30000 / 1001, 14.37, 1, 120)


def sampling_cases(random: np.random.RandomState) -> Iterator[dict[str, Any]]:
    """Arguments of `sample_frames`; those absent are the processor's own."""
    for total in range(1, 40):
        yield {"total": total, "rate": 24, "fps": 2}
        yield {"total": total, "rate": 24, "fps": 24}
        for count in (1, 2, 3, 5, 7, 8, 32, 40):
            yield {"total": total, "rate": 24, "num_frames": count}
    yield {"total": 230, "rate": 30, "fps": 2}  # where the reference's first rule takes frame 230
    for _ in range(500):
        total, rate = int(np.exp(random.uniform(0, np.log(20_000)))), RATES[random.randint(len(RATES))]
        yield {"total": total, "rate": rate, "fps": float(random.choice([0.1, 0.5, 1, 2, 2.5, 4, 30]))}
        yield {"total": total, "rate": rate, "num_frames": int(random.randint(1, 300))}
        case = {"total": total, "rate": rate, "fps": float(random.choice([0.5, 1, 2, 10]))}
        least = int(random.randint(1, 60))
        if random.randint(3):
            case["min_frames"] = least
        if random.randint(3):
            case["max_frames"] = int(random.randint(max(least, 4), 400))
        yield case


def sampled(family: str, case: dict[str, Any]) -> list[int] | None:
    """The processor's indices; None where it raises."""
    own = {name: case[name] for name in ("min_frames", "max_frames") if name in case}
    processor = PROCESSORS[family](**own)  # as settings of its own, which always count
    metadata = VideoMetadata(total_num_frames=case["total"], fps=case["rate"])
    try:
        indices = processor.sample_frames(metadata, num_frames=case.get("num_frames"), fps=case.get("fps"))
    except (ValueError, ZeroDivisionError, RuntimeError):
        return None
    return [int(index) for index in indices]


def size_cases(random: np.random.RandomState, family: str) -> Iterator[tuple[int, int, int, int, int, bool]]:
    """(frames, height, width, min_pixels, max_pixels, cap)."""
    factor = FACTORS[family]
    for limits in LIMITS[family]:
        for frames in (1, 2, 3, 4, 5, 6, 7, 64, 768):
            for height, width in ((1080, 1920), (720, 1280), (factor, factor), (20, 30), (31, 900), (3, 700), (600, 3)):
                for cap in (False, True):
                    yield frames, height, width, *limits, cap
        for _ in range(250):
            height, width = (int(side) for side in np.exp(random.uniform(0, np.log(4400), 2)))
            frames = int(np.exp(random.uniform(0, np.log(900))))
            yield frames, height, width, *limits, bool(random.randint(2))
    for k in range(2, 30):  # where the branches meet, and sides halfway between two multiples
        for slack in (-1, 0, 1):
            area = 4 * (factor * k) ** 2
            yield 4, factor * k, factor * k, 784, area + slack, False
            yield 4, factor * k, factor * k, area + slack, 4 * area, False
            yield 4, factor * k + factor // 2 + slack, factor * 7, 784, 10**8, False


def resized(family: str, frames: int, height: int, width: int, least: int, most: int, cap: bool) -> list[int]:
    """Resized height and width; zeros where the processor raises."""
    film = torch.empty((1, frames, 3, height, width), device="meta")
    size = SizeDict(shortest_edge=least, longest_edge=most)
    try:
        return PROCESSORS[family]().resize(
            film, size, None, FACTORS[family], temporal_factor=2, cap_pixels_per_frame=cap
        )
    except ValueError:
        return [0, 0]


def main() -> None:
    """Write the file."""
    assert torch.__version__.partition("+")[0] == "2.13.0", torch.__version__
    assert transformers.__version__ == "5.24.0", transformers.__version__
    BaseVideoProcessor.resize = lambda self, image, size, resample: [size.height, size.width]
    random = np.random.RandomState(0)
    beyond, lines = 0, []
    for family in PROCESSORS:
        sampling = []
        for case in sampling_cases(random):
            indices = sampled(family, case)
            if indices is not None and indices[-1] == case["total"]:
                indices, beyond = indices[:-1], beyond + 1
            taken = (0, 0) if indices is None else (len(indices), zlib.crc32(np.array(indices, np.int32).tobytes()))
            sampling.append([*(case.get(name) for name in ARGUMENTS), *taken])
        sizes = [[*size[:-1], int(size[-1]), *resized(family, *size)] for size in size_cases(random, family)]
        lines.append(f'"{family}": {{"sampling": [\n{rows(sampling)}],\n"sizes": [\n{rows(sizes)}]}}')
    about = {"transformers": transformers.__version__, "arguments": ARGUMENTS, "frames_after_the_last": beyond}
    (HERE / "video.json").write_text(f'{{"about": {json.dumps(about)},\n' + ",\n".join(lines) + "\n}\n")


def rows(values: list[Any]) -> str:
    """One value a line."""
    return ",\n".join(json.dumps(value, separators=(",", ":")) for value in values)


if __name__ == "__main__":
    main()
