"""Search: the whole image first, then tiles where the target may be too small to be seen, then a look at the best box.

A policy does not know the truth, so it decides from what the looks say:

- the label: a box whose label has words that the description lacks is of something else;
- the edge: a box that ends at the inner edge of its tile may be cut off there;
- the size: a box of few model pixels is imprecise;
- a second look, centered on the box and finer, which has to find it again.

A box that is sure by all of these ends the search. Any other has to be confirmed by a second look.

Published relatives: slices with an overlap of a fifth beside the whole image (SAHI), agreement of the whole image and
its quadrants (ZoomClick, arXiv 2512.05941). They take every look for every target.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlx_saccade import validation
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import Box
from mlx_saccade.policies.tiles import centered, choose_grid, cut
from mlx_saccade.policies.trail import Crop, Trail, whole

if TYPE_CHECKING:
    from mlx_saccade import media
    from mlx_saccade.engine import Answer, Engine

__all__ = ["search"]

_Looks = Generator[list[Crop], list["Answer"], None]
"""Yields crops to look at, and is sent their answers."""

# Tiles that go before a finer grid if that one can still have as many as the second number.
_COARSE, _FINE = 4, 9
# One in this many looks is kept back for second looks.
_SECOND = 5
# From this overlap (intersection over union) on, two boxes are of one element.
_SAME = 0.3
# Model pixels from the edge of a tile within which a box may be cut off, and around a point that has no size.
_EDGE, _POINT = 2, 14
_EMPTY_WORDS = frozenset(["a", "an", "the"])


def search(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    /,
    *,
    max_looks: int = 12,
    overlap: float = 0.2,
    smallest: int = 10,
    **options: Any,
) -> list[Answer]:
    """Locate each description in the whole image, and in overlapping tiles where that is not sure.

    Args:
        engine: loaded engine.
        frame: whole image.
        descriptions: of the targets. Looks of all of them run together, and each tile is encoded once.
        max_looks: maximum looks for each description; 1 is the flat look.
        overlap: share of a tile's side that its neighbor covers too, from 0 to 0.5.
        smallest: least side in model pixels of a box that needs no second look.
        options: other arguments of `Engine.look`.

    Returns:
        Answers with the box that is surest; without a box if none is sure and none could be confirmed.

    Raises:
        InputError: as `Engine.look`, or a parameter is outside its range.
    """
    if not 0 <= overlap <= 0.5:
        raise InputError(f"policy search: overlap: expected 0 to 0.5; got {overlap}")
    validation.at_least(0, smallest, "policy search: smallest")
    validation.at_least(1, max_looks, "policy search: max_looks")
    hunts = [_Hunt(words, frame.source_size, max_looks, overlap, smallest) for words in descriptions]
    steps = [hunt.run() for hunt in hunts]
    crops = {number: next(step) for number, step in enumerate(steps)}
    while crops:
        views = [(crop, descriptions[number]) for number, several in crops.items() for crop in several]
        answers = iter(engine.look(frame, views, **options))
        following = {n: _advance(steps[n], [next(answers) for _ in several]) for n, several in crops.items()}
        crops = {number: several for number, several in following.items() if several}
    return [hunt.answer() for hunt in hunts]


@dataclass(frozen=True)
class _Candidate:
    """A box that a look gave.

    Attributes:
        look: number of the look.
        box: in pixels of the whole image; a point has no size.
        crop: part of the image that the model saw.
        agrees: False if the label says that it is something else.
        is_cut: True if it ends where the crop does, and the image goes on.
        side: its shorter side in model pixels.
        scale: source pixels for a model pixel.
    """

    look: int
    box: Box
    crop: Crop
    agrees: bool
    is_cut: bool
    side: float
    scale: float


class _Hunt:
    """The search for one description."""

    def __init__(self, words: str, size: tuple[int, int], max_looks: int, overlap: float, smallest: int) -> None:
        self.words, self.size, self.max_looks = words, size, max_looks
        self.overlap, self.smallest = overlap, smallest
        self.trail = Trail()
        self.candidates: list[_Candidate] = []
        self.closed: list[_Candidate] = []  # had their second look
        self.disputed: list[_Candidate] = []  # found again by it, but labeled as something else
        self.winner: _Candidate | None = None

    @property
    def left(self) -> int:
        """Looks that may still be taken."""
        return self.max_looks - len(self.trail.looks)

    def run(self) -> _Looks:
        """Yield the crops of each round until the search ends."""
        yield from self.look([whole(self.size)])
        if self.max_looks == 1:
            self.winner = self.best()
            return
        yield from self.confirm()
        for grid in self.grids():
            if self.winner is None:
                yield from self.look(cut(self.size, grid, self.overlap))
                self.accept_sure()
        while self.winner is None and self.left and self.candidates:
            yield from self.confirm()
        if self.winner is None:
            agreeing = [one for one in self.candidates if one.agrees]
            self.winner = max(agreeing or self.disputed, key=_rank, default=None)

    def look(self, crops: Sequence[Crop]) -> _Looks:
        """Look at crops, and collect the boxes."""
        answers = yield list(crops)
        for answer, crop in zip(answers, crops, strict=True):
            candidate = self.read(answer, crop)
            self.trail.add(answer, crop, "no box" if candidate is None else self.verdict(candidate))
            if candidate is not None and (candidate.agrees or not self.is_closed(candidate)):
                self.candidates.append(candidate)

    def is_closed(self, one: _Candidate) -> bool:
        """Return True for a place that a second look has been at."""
        return any(_is_same(one, other) for other in self.closed)

    def confirm(self) -> _Looks:
        """End with the best box if it is sure; else look at it again, and end with it if it is found again."""
        self.accept_sure()
        best = self.best()
        if self.winner is not None or best is None or not self.left:
            return
        self.candidates = [one for one in self.candidates if not _is_same(one, best)]
        known = len(self.candidates)
        yield from self.look([self.closer(best)])
        self.closed.append(best)
        again = self.candidates[known] if len(self.candidates) > known else None
        number = len(self.trail.looks) - 1
        if again is None:
            self.trail.judge(number, f"no box; look {best.look + 1} is dropped")
        elif not _is_same(again, best):
            self.trail.judge(number, f"another place; look {best.look + 1} is dropped")
        elif again.agrees:
            self.winner = again
        else:
            self.trail.judge(number, f"the same place as look {best.look + 1}, but {self.verdict(again)}")
            self.candidates.remove(again)
            self.disputed.append(again)

    def grids(self) -> list[tuple[int, int]]:
        """Return the grids of tiles to look at, the finer one last; none if no tile shows more than the whole image."""
        if self.winner is not None:
            return []
        width, height = self.trail.answers[0].frames[0].processed_size

        def finest(looks: int) -> tuple[int, int]:
            return choose_grid(self.size, max(1, looks - looks // _SECOND), width * height, self.overlap)

        rest = self.left - _COARSE
        grids = [finest(self.left)]
        if rest - rest // _SECOND >= _FINE:
            grids = [choose_grid(self.size, _COARSE, width * height, self.overlap), finest(rest)]
        return [grid for number, grid in enumerate(grids) if grid != (1, 1) and grid not in grids[:number]]

    def closer(self, one: _Candidate) -> Crop:
        """Return the crop of a second look: in source pixels if the image has as many, twice as long as the box."""
        processed, (x1, y1, x2, y2) = self.trail.answers[0].frames[0].processed_size, one.box.xyxy
        lengths = []
        for pixels, side, box, start, end in zip(
            processed, self.size, (x2 - x1, y2 - y1), one.crop[:2], one.crop[2:], strict=True
        ):
            least = end - start if one.is_cut else min(pixels, (side + 1) // 2)
            lengths.append(max(least, round(2 * box), 1))
        return centered(one.box.center, self.size, (lengths[0], lengths[1]))

    def read(self, answer: Answer, crop: Crop) -> _Candidate | None:
        """Return the place of an answer; None without one."""
        frame = answer.frames[0]
        scale = max(frame.scale)
        box = _place(answer)
        if box is None:
            return None
        x1, y1, x2, y2 = box.xyxy
        near = _EDGE * scale
        edges = (
            (x1 - crop[0], crop[0]),
            (y1 - crop[1], crop[1]),
            (crop[2] - x2, self.size[0] - crop[2]),
            (crop[3] - y2, self.size[1] - crop[3]),
        )
        is_cut = any(inside <= near and outside > 0 for inside, outside in edges)
        side = min(x2 - x1, y2 - y1) / scale if answer.boxes else self.smallest
        return _Candidate(len(self.trail.looks), box, crop, _agrees(self.words, box.label), is_cut, side, scale)

    def verdict(self, one: _Candidate) -> str:
        """Return what speaks against a box, or "sure"."""
        if not one.agrees:
            return f"labeled {one.box.label!r}"
        if one.is_cut:
            return "cut off by the edge of the crop"
        return "sure" if one.side >= self.smallest else f"small: {one.side:.0f} model pixels"

    def best(self) -> _Candidate | None:
        """Return the surest box so far."""
        return max(self.candidates, key=_rank, default=None)

    def accept_sure(self) -> None:
        """End with the best box if nothing speaks against it."""
        best = self.best()
        if best is not None and self.verdict(best) == "sure":
            self.winner = best

    def answer(self) -> Answer:
        """Return the policy's answer."""
        return self.trail.answer(None if self.winner is None else self.winner.look)


def _advance(step: _Looks, answers: list[Answer]) -> list[Crop]:
    """Give a search its answers, and return the crops of its next round; none at its end."""
    try:
        return step.send(answers)
    except StopIteration:
        return []


def _place(answer: Answer) -> Box | None:
    """Return the first box of an answer, or the point to click as a box without size."""
    if answer.boxes:
        return answer.boxes[0]
    if answer.click is None:
        return None
    return Box(answer.click * 2, answer.points[0].label if answer.points else "")


def _agrees(description: str, label: str) -> bool:
    """Return True if every word of a label stands in the description; a box without a label agrees."""
    known, given = (set(re.findall(r"\w+", text.lower())) - _EMPTY_WORDS for text in (description, label))
    return given <= known


def _rank(one: _Candidate) -> tuple[bool, bool, float]:
    """Return what orders boxes: the label, the edge, then the finest scale."""
    return one.agrees, not one.is_cut, -one.scale


def _is_same(one: _Candidate, other: _Candidate) -> bool:
    """Return True if two looks gave the same place."""
    a, b = (_grown(each) for each in (one, other))
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return False
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    if wide * high >= _SAME * (sum(areas) - wide * high):
        return True
    centers = zip((one.box.center, other.box.center), (b, a), strict=True)
    return all(x1 <= x <= x2 and y1 <= y <= y2 for (x, y), (x1, y1, x2, y2) in centers)


def _grown(one: _Candidate) -> tuple[float, float, float, float]:
    """Return the edges of a box, and of a point those of a box around it."""
    x1, y1, x2, y2 = one.box.xyxy
    around = _POINT * one.scale if x1 == x2 and y1 == y2 else 0.0
    return x1 - around, y1 - around, x2 + around, y2 + around
