"""The prompts of the model goldens, made from seeds: NumPy alone, shared by the script that writes and the tests."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import checkpoints
import quantized

Grid = tuple[int, int, int]

MEAN = np.array((0.48145466, 0.4578275, 0.40821073), np.float32)
STD = np.array((0.26862954, 0.26130258, 0.27577711), np.float32)
NEW_TOKENS = 32
# Logits are kept for these vocabulary columns at every position, and for all columns at the last one.
COLUMNS = slice(None, None, 16)
# Rows of the tower's stages that are kept, in merge-block order.
ROWS = slice(None, None, 11)


@dataclass(frozen=True)
class Case:
    """One prompt: text, then each image or video, then text.

    `seconds` of a video's grid frames: one a video, or none for Qwen2-VL, which does not count seconds.
    """

    name: str
    images: tuple[Grid, ...] = ()
    videos: tuple[Grid, ...] = ()
    seconds: tuple[float, ...] = ()
    ids: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        random = np.random.RandomState(len(self.name))
        ids: list[int] = random.randint(0, 1000, 5).tolist()
        for token, grids in ((1004, self.images), (1005, self.videos)):
            for t, h, w in grids:
                ids += [1002, *[token] * (t * h * w // 4), 1003, *random.randint(0, 1000, 3).tolist()]
        ids += random.randint(0, 1000, 7).tolist()
        object.__setattr__(self, "ids", np.array([ids], np.int64))

    def bytes_of(self, grid: Grid, number: int) -> np.ndarray:
        """uint8 [patches, 3, 14, 14] in merge-block order, with coarse structure so that patches differ in the mean."""
        random = np.random.RandomState(1000 * number + grid[1] * grid[2])
        count = int(np.prod(grid))
        level = random.randint(0, 256, (count, 3, 1, 1))
        return np.clip(level + random.randint(-60, 61, (count, 3, 14, 14)), 0, 255).astype(np.uint8)

    def inputs(self) -> dict[str, Any]:
        """transformers' names and layouts."""
        made: dict[str, Any] = {"input_ids": self.ids}
        if self.images:
            stills = [self.bytes_of(grid, n) for n, grid in enumerate(self.images)]
            made["pixel_values"] = np.concatenate([reference(still, still) for still in stills])
            made["image_grid_thw"] = np.array(self.images, np.int64)
        if self.videos:
            pairs = [(self.bytes_of(grid, 10 + n), self.bytes_of(grid, 20 + n)) for n, grid in enumerate(self.videos)]
            made["pixel_values_videos"] = np.concatenate([reference(*pair) for pair in pairs])
            made["video_grid_thw"] = np.array(self.videos, np.int64)
        if self.seconds:
            made["second_per_grid_ts"] = np.array(self.seconds, np.float32)
        return made

    def native(self) -> np.ndarray:
        """The images' bytes [patches, 588], still in merge-block order."""
        return np.concatenate([self.bytes_of(grid, n).reshape(-1, 588) for n, grid in enumerate(self.images)])


def reference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two frames uint8 [patches, 3, 14, 14] -> float32 [patches, 1176]: channel, frame, row, column; normalized."""
    frames = np.stack([first, second], axis=2).astype(np.float32) / np.float32(255)
    scaled = (frames - MEAN[:, None, None, None]) / STD[:, None, None, None]
    return scaled.reshape(len(first), -1).astype(np.float32)


CASES = (
    Case("text"),
    Case("whole windows", images=((1, 16, 32),)),
    Case("partial windows", images=((1, 18, 22),)),
    Case("two images", images=((1, 18, 22), (1, 10, 6))),
    Case("one token", images=((1, 2, 2),)),
    Case("video", images=((1, 6, 4),), videos=((3, 6, 10),), seconds=(1.5,)),
)


@dataclass(frozen=True)
class Set:
    """Cases on one seeded checkpoint; `tests/golden/model_NAME.npz` holds their results.

    Keys are "case/value": "columns" [length, 64], "top" [length], "last" [1024], "tokens" [32]; "features" and the
    tower's stages "embed", "block0", ... [rows, width] where there are images; and where `layers` says so "layer0",
    "layer1", ... [rows, hidden], the residual stream after each decoder layer, the last one before the final norm.

    Attributes:
        name: of the file.
        cases: its prompts.
        checkpoint: (config, tensors by published keys) of what the reference reads.
        layers: whether the decoder layers are kept.
    """

    name: str
    cases: tuple[Case, ...]
    checkpoint: Callable[[], tuple[dict[str, Any], dict[str, np.ndarray]]]
    layers: bool = False


def _seeded(base: dict[str, Any], **changes: Any) -> Callable[[], tuple[dict[str, Any], dict[str, np.ndarray]]]:
    def made() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        raw = checkpoints.config(base, **changes)
        return raw, checkpoints.weights(raw)

    return made


def _dequantized() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    raw = checkpoints.config()
    return raw, quantized.checkpoint(raw, checkpoints.weights(raw), quantized.mixed_rule)[2]


SETS = (
    Set("random", CASES, _seeded(checkpoints.CONFIG)),
    Set(
        "layers",
        (
            Case("three images", images=((1, 4, 6), (1, 12, 10), (1, 2, 8))),
            Case("only video", (), ((2, 8, 6),), (1.0,)),
        ),
        _seeded(checkpoints.CONFIG),
        layers=True,
    ),
    Set("tied", (Case("tied head", images=((1, 6, 8),)),), _seeded(checkpoints.CONFIG, tie_word_embeddings=True)),
    Set(
        "qwen2_vl",
        (
            Case("words"),
            Case("two images", images=((1, 18, 22), (1, 10, 6))),
            Case("image and video", images=((1, 6, 4),), videos=((3, 6, 10),)),
        ),
        _seeded(checkpoints.QWEN2_VL),
        layers=True,
    ),
    Set("quantised", (Case("two stills", images=((1, 10, 12), (1, 4, 6))),), _dequantized),
)


# Two prompts of different length in one call, the shorter one padded on its left: `tests/golden/model_batch.npz`, on
# the checkpoint of "random". Keys: "positions" int32 [3, 2, length], "columns" [2, length, 64], "top" [2, length],
# "last" [2, 1024] and "tokens" [2, 32]; what stands at padded places means nothing.
BATCH = (
    Case("a long row", images=((1, 18, 22), (1, 10, 6))),
    Case("row", images=((1, 6, 4),), videos=((3, 6, 10),), seconds=(1.5,)),
)
PAD = 1000


def batch_inputs(rows: tuple[Case, ...] = BATCH) -> dict[str, Any]:
    """transformers' names and layouts: input_ids and attention_mask [rows, length], images and videos row after row."""
    length = max(case.ids.shape[1] for case in rows)
    ids = np.full((len(rows), length), PAD, np.int64)
    mask = np.zeros((len(rows), length), np.int64)
    for number, case in enumerate(rows):
        ids[number, length - case.ids.shape[1] :] = case.ids[0]
        mask[number, length - case.ids.shape[1] :] = 1
    made: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
    inputs = [case.inputs() for case in rows]
    for key in sorted({key for row in inputs for key in row} - {"input_ids"}):
        made[key] = np.concatenate([row[key] for row in inputs if key in row])
    return made


DEMO = Path(__file__).resolve().parents[2] / "python" / "mlx_saccade" / "assets" / "demo"
FRAME = (0, 0, 3840, 2160)


def _around(box: list[int]) -> tuple[int, int, int, int]:
    """A box and half its size on each side, inside the frame."""
    x1, y1, x2, y2 = box
    wide, high = (x2 - x1) // 2, (y2 - y1) // 2
    return max(0, x1 - wide), max(0, y1 - high), min(FRAME[2], x2 + wide), min(FRAME[3], y2 + high)


def _screens() -> tuple[tuple[tuple[int, int, int, int], str], ...]:
    """Pieces (left, top, right, bottom) of the demo's screenshot, and what is asked for there, present or not."""
    targets = json.loads((DEMO / "targets.json").read_text())["targets"]
    names, boxes = [target["description"] for target in targets], [target["box"] for target in targets]
    whole = tuple((FRAME, names[number]) for number in (0, 2, 5))
    pieces = tuple((_around(boxes[number]), names[number]) for number in (1, 2, 4))
    odd = (((3000, 100, 3257, 113), "the blue bar"), ((771, 765, 784, 1022), "the window"))
    return (*whole, *pieces, (_around(boxes[3]), names[0]), *odd)


SCREENS = _screens()
LOCATE = "Locate {}, output its bbox coordinates using JSON format."
PACKAGED_TOKENS = 48


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
