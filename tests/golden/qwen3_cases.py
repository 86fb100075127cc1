"""The prompts of Qwen3-VL's goldens, made from seeds: NumPy alone, shared by the script that writes and the tests."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import checkpoints

Grid = tuple[int, int, int]

NEW_TOKENS = 24
COLUMNS = slice(None, None, 16)
"""Vocabulary columns of the logits that are kept at every position."""
ROWS = slice(None, None, 11)
"""Rows of the stages that are kept."""
TOKENS = slice(None, None, 3)
"""Rows of the features and levels that are kept."""


@dataclass(frozen=True)
class Case:
    """A prompt: text, then each image or video, then text. Each frame of a video's grid stands after words of its own.

    `outer` says whether a pair of vision tokens stands around all frames of a video.
    """

    name: str
    images: tuple[Grid, ...] = ()
    videos: tuple[Grid, ...] = ()
    outer: bool = True
    ids: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        random = np.random.RandomState(len(self.name))
        ids: list[int] = random.randint(0, 1000, 5).tolist()
        for t, h, w in self.images:
            ids += [1002, *[1004] * (t * h * w // 4), 1003, *random.randint(0, 1000, 3).tolist()]
        for t, h, w in self.videos:
            ids += [1002] * self.outer
            for _ in range(t):
                ids += [*random.randint(0, 1000, 4).tolist(), 1002, *[1005] * (h * w // 4), 1003]
            ids += [*([1003] * self.outer), *random.randint(0, 1000, 3).tolist()]
        ids += random.randint(0, 1000, 7).tolist()
        object.__setattr__(self, "ids", np.array([ids], np.int64))

    def bytes_of(self, grid: Grid, number: int) -> np.ndarray:
        """Return uint8 [patches, 3, 16, 16] in merge-block order, of coarse structure."""
        random = np.random.RandomState(1000 * number + grid[1] * grid[2])
        count = int(np.prod(grid))
        level = random.randint(0, 256, (count, 3, 1, 1))
        return np.clip(level + random.randint(-60, 61, (count, 3, 16, 16)), 0, 255).astype(np.uint8)

    def inputs(self) -> dict[str, Any]:
        """Return transformers' names and layouts."""
        values: dict[str, Any] = {"input_ids": self.ids}
        if self.images:
            stills = [self.bytes_of(grid, n) for n, grid in enumerate(self.images)]
            values["pixel_values"] = np.concatenate([reference(still, still) for still in stills])
            values["image_grid_thw"] = np.array(self.images, np.int64)
        if self.videos:
            pairs = [(self.bytes_of(grid, 10 + n), self.bytes_of(grid, 20 + n)) for n, grid in enumerate(self.videos)]
            values["pixel_values_videos"] = np.concatenate([reference(*pair) for pair in pairs])
            values["video_grid_thw"] = np.array(self.videos, np.int64)
        return values

    def native(self) -> np.ndarray:
        """Return the images' bytes [patches, 768]."""
        return np.concatenate([self.bytes_of(grid, n).reshape(-1, 768) for n, grid in enumerate(self.images)])


def reference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return two frames uint8 [patches, 3, 16, 16] as float32 [patches, 1536]: channel, frame, row, column."""
    frames = np.stack([first, second], axis=2).astype(np.float32) / np.float32(255)
    return ((frames - np.float32(0.5)) / np.float32(0.5)).reshape(len(first), -1)


MIXED = Case("images and videos", images=((1, 6, 4), (1, 10, 16)), videos=((3, 6, 10), (1, 4, 4)))
CASES = (
    Case("words"),
    Case("two images", images=((1, 18, 22), (1, 10, 6))),
    Case("one token", images=((1, 2, 2),)),
    Case("only video", videos=((2, 8, 6),)),
    Case("video in single form", images=((1, 4, 6),), videos=((2, 4, 8),), outer=False),
    MIXED,
)
SETS = {
    "qwen3_vl": (checkpoints.QWEN3_VL, CASES),
    "qwen3_vl_moe": (checkpoints.QWEN3_VL_MOE, (CASES[1], MIXED)),
}
"""Name of a set, and of its file `model_NAME.npz` -> config and prompts."""

BATCH = (CASES[0], CASES[1], MIXED)
"""Prompts that are read together on the dense checkpoint."""
PAD = 1000


def batch_inputs(rows: tuple[Case, ...] = BATCH) -> dict[str, Any]:
    """Return transformers' names and layouts: padding on the left, images and videos row after row."""
    length = max(case.ids.shape[1] for case in rows)
    ids = np.full((len(rows), length), PAD, np.int64)
    mask = np.zeros((len(rows), length), np.int64)
    for number, case in enumerate(rows):
        ids[number, length - case.ids.shape[1] :] = case.ids[0]
        mask[number, length - case.ids.shape[1] :] = 1
    values: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
    inputs = [case.inputs() for case in rows]
    for key in sorted({key for row in inputs for key in row} - {"input_ids"}):
        values[key] = np.concatenate([row[key] for row in inputs if key in row])
    return values


def checkpoint(name: str, **changes: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return config and float32 tensors of a set, in the released layout."""
    raw = checkpoints.config(SETS[name][0], **changes)
    return raw, checkpoints.weights(raw)


@dataclass(frozen=True)
class VideoCase:
    """A video of a prompt: its grid frames of so many tokens, and number and rate of the frames that it was made of."""

    steps: int
    tokens: int
    indices: tuple[int, ...]
    fps: float


@dataclass(frozen=True)
class PromptCase:
    """Messages, and what their images and videos take."""

    name: str
    messages: list[dict[str, Any]]
    image_tokens: tuple[int, ...] = ()
    videos: tuple[VideoCase, ...] = ()


def _user(*parts: str) -> list[dict[str, Any]]:
    """Return one message of a user; "image" and "video" are parts of that kind."""
    kinds = ("image", "video")
    return [
        {
            "role": "user",
            "content": [{"type": part} if part in kinds else {"type": "text", "text": part} for part in parts],
        }
    ]


PROMPTS = (
    PromptCase("a still", _user("image", "Where?"), (3,)),
    # Means of 0.25, 0.75 and 1.25 seconds, which are written 0.2, 0.8 and 1.2.
    PromptCase("half to even", _user("video", "Where?"), (), (VideoCase(3, 2, (0, 1, 2, 3, 4, 5), 2.0),)),
    PromptCase("words before", _user("In the film: ", "video", " and then?"), (), (VideoCase(2, 4, (0, 1, 2), 3.0),)),
    PromptCase(
        "both",
        _user("image", "video", "or", "video", "image", "?"),
        (2, 1),
        (VideoCase(2, 1, (0, 12, 24, 35), 23.976), VideoCase(1, 5, (7,), 0.4)),
    ),
)
