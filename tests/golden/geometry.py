"""Writes the golden files of the core from the reference: sizes, windows, positions, pixel values.

    python tests/golden/geometry.py            # needs the versions pinned below; the suite needs none of them

Pinned: transformers==5.23.0 torch==2.13.0 (CPU) pillow==13.0.0. Images are made again from their seed by the tests, so
only outputs are stored. `geometry.json` is the manifest: generator, versions, and the SHA-256 of every file.
"""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import torch
import transformers
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLModel
from transformers.vision_utils import get_vision_position_ids, get_vision_window_index

HERE = Path(__file__).parent
IMAGE, VIDEO, START, END = 151655, 151656, 151652, 151653
BUDGETS = (
    (3136, 1003520),
    (3136, 12845056),
    (4096, 16777216),
    (200704, 1003520),
    (65536, 16777216),
    (784, 784),
    (1, 1),
)


def size_cases() -> list[list[int]]:
    """(height, width, factor, min_pixels, max_pixels): random ones and every edge of the formula."""
    random = np.random.RandomState(0)
    cases: list[list[int]] = []
    for factor in (28, 32):
        # Halves: k + 1/2 factors round to even; and their neighbors.
        for k in range(1, 30):
            for side in (factor * k + factor // 2 + d for d in (-1, 0, 1)):
                cases += [[side, factor * 7, factor, 3136, 12845056], [factor * 8, side, factor, 3136, 12845056]]
        # Sides that round to nothing, and single pixels.
        for short in range(1, factor // 2 + 2):
            for long in (short, 100, 150, 200, 199 * short, 200 * short, 200 * short + 1, 201 * short):
                cases += [[short, long, factor, 3136, 1003520], [long, short, factor, 4096, 16777216]]
        # Areas just at a budget, which is where the branches meet.
        for k in range(2, 40):
            area = (factor * k) ** 2
            for slack in (-1, 0, 1):
                cases += [[factor * k, factor * k, factor, 3136, area + slack]]
                cases += [[factor * k, factor * k, factor, area + slack, 4 * area]]
        for height, width in ((2160, 3840), (1080, 1920), (1964, 3024), (20000, 100), (100, 20000), (30000, 30000)):
            cases += [[height, width, factor, low, high] for low, high in BUDGETS]
        for _ in range(2200):
            height, width = (int(v) for v in np.exp(random.uniform(0, np.log(9000), 2)))
            low, high = BUDGETS[random.randint(len(BUDGETS))]
            cases.append([height, width, factor, low, high])
        for _ in range(400):  # budgets given in tokens
            height, width = (int(v) for v in random.randint(16, 5000, 2))
            cases.append([height, width, factor, 4 * factor**2, int(random.randint(4, 16385)) * factor**2])
    for _ in range(200):  # other factors, floors above the ceiling, no floor
        height, width = (int(v) for v in random.randint(1, 3000, 2))
        low, high = (int(v) for v in random.randint(0, 3_000_000, 2))
        cases.append([height, width, int(random.randint(1, 200)), low, high + 1])
    return cases


def resized(case: list[int]) -> list[int]:
    """Resized height and width and 0, or zeros and 1 where the reference refuses."""
    try:
        return [*smart_resize(*case), 0]
    except ValueError:
        return [0, 0, 1]


def write_sizes(folder: Path) -> None:
    """Rows of five inputs and the resized height and width, and whether the reference refuses."""
    rows = [[*case, *resized(case)] for case in size_cases()]
    columns = ["height", "width", "factor", "min_pixels", "max_pixels", "resized_height", "resized_width", "error"]
    dump(folder / "smart_resize.json", {"columns": columns, "rows": rows})


def grid_cases() -> list[list[list[int]]]:
    """Packs of grids (frames, rows, columns) in patches."""
    random = np.random.RandomState(1)
    fixed = [
        [[1, 2, 2]],
        [[1, 8, 8]],
        [[1, 16, 24]],
        [[1, 10, 10]],
        [[1, 8, 18]],
        [[1, 18, 8]],
        [[1, 2, 60]],
        [[1, 60, 2]],
        [[4, 6, 10]],
        [[3, 8, 16]],
        [[1, 52, 94]],
        [[1, 8, 8], [1, 8, 8]],
        [[2, 10, 14], [1, 4, 4], [3, 2, 6]],
    ]
    packs = [
        [
            [int(random.randint(1, 4)), *(2 * int(v) for v in random.randint(1, 14, 2))]
            for _ in range(random.randint(1, 4))
        ]
        for _ in range(27)
    ]
    return fixed + packs


def write_windows(folder: Path) -> None:
    """Window order and boundaries, for windows of 4 tokens and, in every third pack, of 3."""
    cases = []
    for i, grids in enumerate(grid_cases()):
        window_size = 112 if i % 3 else 84
        index, boundaries = get_vision_window_index(torch.tensor(grids), 2, window_size, 14)
        cases.append(
            {"grids": grids, "window_size": window_size, "index": index.tolist(), "boundaries": boundaries.tolist()}
        )
    dump(folder / "windows.json", {"merge_size": 2, "patch_size": 14, "cases": cases})


def write_vision_positions(folder: Path) -> None:
    """Positions of the same packs, uint8 where merge_size 2 fits the grids, and a few with merge_size 1, 3 and 4."""
    arrays: dict[str, np.ndarray] = {}
    cases = [(grids, 2) for grids in grid_cases()] + [([[1, 12, 24], [2, 24, 12]], merge) for merge in (1, 3, 4)]
    for i, (grids, merge_size) in enumerate(cases):
        positions = get_vision_position_ids(torch.tensor(grids), merge_size).numpy()
        arrays[f"grids_{i}"] = np.array(grids, np.int64)
        arrays[f"merge_size_{i}"] = np.array(merge_size)
        arrays[f"positions_{i}"] = positions.astype(np.int16)
    np.savez_compressed(folder / "vision_positions.npz", **arrays)


def prompt(parts: list[Any], seed: int) -> tuple[list[int], list[list[int]], list[list[int]]]:
    """Token ids, image grids and video grids of a prompt made of numbers of text tokens and of (kind, grid)."""
    random = np.random.RandomState(seed)
    ids: list[int] = []
    images: list[list[int]] = []
    videos: list[list[int]] = []
    for part in parts:
        if isinstance(part, int):
            ids += random.randint(0, 151643, part).tolist()
            continue
        kind, (frames, rows, columns) = part
        token, grids = (IMAGE, images) if kind == "image" else (VIDEO, videos)
        ids += [START] + [token] * (frames * rows * columns // 4) + [END]
        grids.append([frames, rows, columns])
    return ids, images, videos


MROPE_CASES: list[tuple[list[Any], list[float], int]] = [
    ([9], [], 2),
    ([1], [], 2),
    ([5, ("image", (1, 4, 6)), 7], [], 2),
    ([("image", (1, 12, 4))], [], 2),
    ([3, ("image", (1, 16, 24)), 2, ("image", (1, 2, 2)), 11], [], 2),
    ([3, ("image", (1, 4, 4)), ("image", (1, 6, 10)), 4], [], 2),
    ([2, ("image", (3, 4, 6)), 5], [], 2),
    ([4, ("video", (5, 4, 6)), 6], [1.0], 2),
    ([4, ("video", (5, 4, 6)), 6], [0.5], 2),
    ([4, ("video", (9, 2, 4)), 6], [1 / 3], 2),
    ([4, ("video", (24, 2, 2)), 6], [0.1], 2),
    ([4, ("video", (40, 2, 2)), 6], [2 / 30], 2),
    ([4, ("video", (30, 2, 2)), 6], [0.07], 25),
    ([4, ("video", (64, 2, 2)), 6], [0.041666666666666664], 25),
    ([4, ("video", (64, 2, 2)), 6], [0.16], 25),
    ([4, ("video", (6, 4, 2)), 6], [0.0], 2),
    ([4, ("video", (12, 4, 4)), 3], [2.0], 2),
    ([1, ("video", (3, 4, 4)), 2, ("video", (4, 8, 2)), 5], [1.7, 0.3], 2),
    ([1, ("video", (3, 4, 4)), ("video", (2, 2, 6))], [0.25, 1.25], 2),
    ([6, ("image", (1, 8, 6)), 3, ("video", (3, 6, 4)), 2, ("image", (1, 2, 4)), 4], [0.9], 2),
    ([6, ("video", (2, 6, 4)), 3, ("image", (1, 6, 8)), 2, ("video", (7, 2, 4)), 4], [1.4, 0.6], 2),
    ([2, ("video", (4, 4, 4)), 3, ("image", (1, 6, 8)), 1], [], 2),
    ([2, ("video", (4, 4, 4)), 3, ("video", (2, 6, 8)), 1], [], 2),
]


def write_mrope(folder: Path) -> None:
    """Positions of prompts: Qwen2.5-VL's rule where seconds are given, Qwen2-VL's where not."""
    cases = []
    for seed, (parts, seconds, tokens_per_second) in enumerate(MROPE_CASES):
        ids, images, videos = prompt(parts, seed)
        kinds = [1 if token == IMAGE else 2 if token == VIDEO else 0 for token in ids]
        owner = Qwen2_5_VLModel if seconds else Qwen2VLModel
        vision = SimpleNamespace(spatial_merge_size=2, tokens_per_second=tokens_per_second)
        model = SimpleNamespace(config=SimpleNamespace(vision_config=vision))
        model.get_vision_position_ids = owner.get_vision_position_ids.__get__(model)
        extra = {"second_per_grid_ts": torch.tensor(seconds)} if seconds else {}
        positions, delta = owner.get_rope_index(
            model,
            torch.tensor([ids]),
            mm_token_type_ids=torch.tensor([kinds], dtype=torch.int32),
            image_grid_thw=torch.tensor(images) if images else None,
            video_grid_thw=torch.tensor(videos) if videos else None,
            **extra,
        )
        cases.append(
            {
                "input_ids": ids,
                "image_grids": images,
                "video_grids": videos,
                "seconds_per_grid": seconds,
                "tokens_per_second": tokens_per_second,
                "positions": positions[:, 0].tolist(),
                "delta": int(delta),
            }
        )
    tokens = {"image_token_id": IMAGE, "video_token_id": VIDEO, "vision_start_token_id": START}
    dump(folder / "mrope.json", {**tokens, "merge_size": 2, "cases": cases})


# (height, width), min_pixels, max_pixels, patch_size; the seed of an image is its place in the list.
PIXEL_CASES: list[tuple[tuple[int, int], int, int, int]] = [
    ((56, 56), 3136, 1003520, 14),
    ((56, 84), 3136, 1003520, 14),
    ((1, 1), 3136, 1003520, 14),
    ((5, 300), 3136, 1003520, 14),
    ((300, 3), 3136, 1003520, 14),
    ((61, 97), 3136, 1003520, 14),
    ((640, 100), 3136, 28224, 14),
    ((900, 120), 3136, 50176, 14),
    ((100, 640), 3136, 28224, 14),
    ((333, 517), 3136, 100352, 14),
    ((480, 640), 3136, 1003520, 14),
    ((200, 200), 3136, 1003520, 14),
    ((41, 60), 200704, 1003520, 14),
    ((64, 64), 4096, 16777216, 16),
    ((150, 410), 65536, 16777216, 16),
    ((777, 95), 4096, 65536, 16),
]
WHOLE = (0, 2, 5, 6)  # cases stored value by value; of the others a digest and samples


def pixel_image(seed: int, size: tuple[int, int]) -> np.ndarray:
    """Noise, and every second image hard edges, which show a wrong weight or order of passes best."""
    noise = np.random.RandomState(seed).randint(0, 256, (*size, 3), dtype=np.uint8)
    return np.where(noise > 127, 255, 0).astype(np.uint8) if seed % 2 else noise


def write_pixels(folder: Path) -> None:
    """Pixel values of the reference's Pillow image processor."""
    arrays: dict[str, np.ndarray] = {}
    cases = []
    for seed, (size, low, high, patch_size) in enumerate(PIXEL_CASES):
        processor = Qwen2VLImageProcessorPil(size={"shortest_edge": low, "longest_edge": high}, patch_size=patch_size)
        out = processor(images=[PIL.Image.fromarray(pixel_image(seed, size))], return_tensors="np")
        values = np.ascontiguousarray(out["pixel_values"])
        assert values.dtype == np.float32
        grid = out["image_grid_thw"][0].tolist()
        sample = np.random.RandomState(seed).randint(0, values.size, 64)
        cases.append(
            {
                "size": list(size),
                "min_pixels": low,
                "max_pixels": high,
                "patch_size": patch_size,
                "grid": grid,
                "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
                "mean": processor.image_mean,
                "std": processor.image_std,
            }
        )
        arrays[f"samples_{seed}"] = values.reshape(-1)[sample]
        if seed in WHOLE:
            arrays[f"values_{seed}"] = values
    dump(folder / "pixels.json", {"pass_order": "pillow13", "merge_size": 2, "temporal_patch_size": 2, "cases": cases})
    np.savez_compressed(folder / "pixels.npz", **arrays)


def dump(path: Path, data: Any) -> None:
    """Compact JSON, one list of a list a line, so that a change shows as a small difference."""
    text = json.dumps(data, separators=(",", ":")).replace("],[", "],\n[").replace("},{", "},\n{")
    path.write_text(text + "\n", encoding="utf-8")


FILES = ("smart_resize.json", "windows.json", "vision_positions.npz", "mrope.json", "pixels.json", "pixels.npz")


def write(folder: Path = HERE) -> None:
    """Write every golden file of the core and their manifest into `folder`."""
    for writer in (write_sizes, write_windows, write_vision_positions, write_mrope, write_pixels):
        writer(folder)
    manifest = {
        "generator": "tests/golden/geometry.py",
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pillow": PIL.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        "sha256": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES},
    }
    (folder / "geometry.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
