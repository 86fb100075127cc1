"""Build what depends on the grid alone: window order, rotary tables and attention masks."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

WINDOW: Final = 4  # merged tokens along a side of a window: 112 px / 14 px / 2
VISION_BASE: Final = 10000.0


@dataclass(frozen=True)
class Questions:
    """The layout of the text around an image: a shared prefix, the image, one closing token, `count` blocks.

    Every block is `length` tokens long, starts at the position right after the closing token, sees prefix, image and
    closing token, and no other block: as if it were alone.
    """

    prefix: int
    count: int
    length: int


@dataclass(frozen=True)
class Geometry:
    """The tables of one grid; patches are in window order, windows of one size together.

    groups: (windows, patches in each), in the order in which the patches stand.
    window_order: [N] merged tokens, in reading order, as the patches stand; reading_order is its inverse.
    vision_rotary: cos, sin [P, 1, head_dim]; text_rotary: cos, sin [S, 1, head_dim].
    mask: [S, S], 0 where a row may look, minus infinity elsewhere.
    """

    rows: int
    columns: int
    questions: Questions
    groups: tuple[tuple[int, int], ...]
    window_order: Tensor
    reading_order: Tensor
    vision_rotary: tuple[Tensor, Tensor]
    text_rotary: tuple[Tensor, Tensor]
    mask: Tensor

    @property
    def tokens(self) -> int:
        return self.rows * self.columns

    @property
    def image_start(self) -> int:
        """Return the position of the first image token in the sequence."""
        return self.questions.prefix

    @property
    def shared(self) -> int:
        """Return the number of tokens that all questions share: prefix, image, closing token."""
        return self.questions.prefix + self.tokens + 1

    @property
    def block_mask(self) -> Tensor:
        """Return [length, length], the part of `mask` inside a question block."""
        return self.mask[self.shared : self.shared + self.questions.length, self.shared :][:, : self.questions.length]


def _windows(rows: int, columns: int) -> tuple[tuple[tuple[int, int], ...], Tensor]:
    """Group the windows of a grid by size: inner, right edge, bottom edge, corner."""
    cells = torch.arange(rows * columns).view(rows, columns)
    sized: dict[tuple[int, int], list[Tensor]] = {}
    for top in range(0, rows, WINDOW):
        for left in range(0, columns, WINDOW):
            window = cells[top : top + WINDOW, left : left + WINDOW]
            sized.setdefault((window.shape[0], window.shape[1]), []).append(window.reshape(-1))
    groups = tuple((len(windows), 4 * windows[0].numel()) for windows in sized.values())
    return groups, torch.cat([window for windows in sized.values() for window in windows])


def _vision_rotary(columns: int, order: Tensor, head_dim: int) -> tuple[Tensor, Tensor]:
    """Return rotary tables of patches: half of the pairs turn with the row, half with the column."""
    row, column = order // columns, order % columns
    inner = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    positions = torch.stack([row, column], -1)[:, None] * 2 + inner
    frequency = 1.0 / VISION_BASE ** (torch.arange(0, head_dim // 2, 2).float() / (head_dim // 2))
    angles = (positions.reshape(-1, 2, 1) * frequency).reshape(-1, 1, head_dim // 2)
    angles = torch.cat([angles, angles], -1)
    return angles.cos(), angles.sin()


def _positions(rows: int, columns: int, questions: Questions) -> Tensor:
    """Return [3, S] time, height and width positions, each block counted as if it were the only one."""
    prefix = torch.arange(questions.prefix).expand(3, -1)
    row = torch.arange(rows).repeat_interleave(columns)
    column = torch.arange(columns).repeat(rows)
    image = torch.stack([torch.zeros_like(row), row, column]) + questions.prefix
    after = questions.prefix + max(rows, columns)
    blocks = (torch.arange(questions.length) + after + 1).repeat(questions.count).expand(3, -1)
    return torch.cat([prefix, image, torch.full((3, 1), after), blocks], 1)


def _text_rotary(positions: Tensor, head_dim: int, base: float, section: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    axis = torch.repeat_interleave(torch.arange(3), torch.tensor(section))
    frequency = 1.0 / base ** (torch.arange(0, head_dim, 2).float() / head_dim)
    angles = positions[axis].T.float() * frequency
    angles = torch.cat([angles, angles], -1)[:, None]
    return angles.cos(), angles.sin()


def _mask(shared: int, questions: Questions) -> Tensor:
    block = torch.arange(questions.count).repeat_interleave(questions.length)
    length = shared + len(block)
    mask = torch.full((length, length), float("-inf")).triu(1)
    mask[shared:, shared:].masked_fill_(block[:, None] != block[None], float("-inf"))
    return mask


@lru_cache(maxsize=160)
def geometry(
    rows: int,
    columns: int,
    questions: Questions,
    head_dim: int = 32,
    base: float = 40.0,
    section: tuple[int, ...] = (2, 7, 7),
) -> Geometry:
    """Build the tables of a grid of `rows` x `columns` merged tokens (28 x 28 pixels each)."""
    groups, order = _windows(rows, columns)
    return Geometry(
        rows,
        columns,
        questions,
        groups,
        order,
        torch.argsort(order),
        _vision_rotary(columns, order, head_dim),
        _text_rotary(_positions(rows, columns, questions), head_dim, base, section),
        _mask(questions.prefix + rows * columns + 1, questions),
    )
