"""Prompts that begin with pictures, and sizes of images, shared by the script that writes and the acceptance tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import contents

NEW_TOKENS = 32
# Rows of patches, tokens and positions that are kept.
ROWS = slice(None, None, 73)


@dataclass(frozen=True)
class Picture:
    """Content, size in pixels and the most tokens it may have."""

    content: str
    width: int
    height: int
    most_tokens: int = 400

    @property
    def stays(self) -> bool:
        """Whether it needs no resizing: whole tokens, within the limits."""
        tokens = self.width * self.height / 28**2
        return not (self.width % 28 or self.height % 28) and 4 <= tokens <= self.most_tokens

    def pixels(self) -> np.ndarray:
        """uint8 [height, width, 3]."""
        return contents.CONTENTS[self.content](self.width, self.height)


@dataclass(frozen=True)
class Prompt:
    """Pictures in one prompt."""

    name: str
    pictures: tuple[Picture, ...]


def ids(grids: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """int64 [length]: words, each picture followed by words, words."""
    random = np.random.RandomState(len(grids))
    made: list[int] = random.randint(0, 1000, 5).tolist()
    for t, h, w in grids:
        made += [1002, *[1004] * (t * h * w // 4), 1003, *random.randint(0, 1000, 3).tolist()]
    return np.array(made + random.randint(0, 1000, 7).tolist(), np.int64)


SCREENS = (
    Prompt("whole windows", (Picture("noise", 224, 448),)),
    Prompt("partial windows", (Picture("lines", 252, 308),)),
    Prompt("many windows", (Picture("bars", 640, 480),)),
    Prompt("two pictures", (Picture("corners", 70, 126), Picture("gradient", 854, 480, 200))),
    Prompt(
        "five pictures",
        (
            Picture("gradient", 28, 28),
            Picture("noise", 29, 29),
            Picture("lines", 257, 13),
            Picture("corners", 112, 112),
            Picture("bars", 1, 1),
        ),
    ),
)

# Screens that become much smaller, where the ways of resizing differ most.
SHRUNK = (
    Prompt("shrunk noise", (Picture("noise", 1512, 982, 64),)),
    Prompt("shrunk lines", (Picture("lines", 1481, 874, 100),)),
    Prompt("shrunk bars", (Picture("bars", 1920, 1080, 200),)),
)


def small_sizes() -> Iterator[tuple[int, int]]:
    """(height, width) of tiny images, those over 200 times as wide as high left out."""
    for height in range(1, 65):
        for width in (*range(1, 65), 100, 257, 1000):
            if width <= 200 * height:
                yield height, width


# (height, width, most tokens): ratios 199, 200, 200.01 and 218.6 both ways, and sizes that were reported.
EXTREME = tuple(
    (height, width, tokens)
    for height, width in (
        *((10, 1990), (10, 2000), (100, 20001), (13, 2600), (5, 1093), (28, 28 * 200), (28, 28 * 200 + 1)),
        *((1990, 10), (2000, 10), (20001, 100), (2600, 13), (1093, 5), (28 * 200, 28), (28 * 200 + 1, 28)),
        *((639, 31), (31, 639), (15420, 690), (690, 15420), (1, 200), (200, 1), (1, 201), (201, 1)),
    )
    for tokens in (20, 256, 1280, 16384)
)
