"""Search: the whole image first, then tiles where the target may be too small to be seen, then a look at the best box.

A policy does not know the truth, so it decides from what the looks say:

- the label: a box whose label has words that the description lacks is of something else;
- the confidence: how decided the model is about the numbers;
- the edge: a box that ends at the inner edge of its tile may be cut off there;
- the size: a box of few model pixels is imprecise;
- a second look, centered on the box and finer, which has to find it again.

A box that is sure by all of these ends the search. Any other has to be confirmed by a second look.

Published relatives: slices with an overlap of a fifth beside the whole image (SAHI), agreement of the whole image and
its quadrants (ZoomClick, arXiv 2512.05941). They take every look for every target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlx_saccade import validation
from mlx_saccade.policies.candidates import PARAPHRASE, Candidate, is_same_place
from mlx_saccade.policies.parameters import check_range
from mlx_saccade.policies.rounds import Looks, follow
from mlx_saccade.policies.tiles import centered, choose_grid, cut
from mlx_saccade.policies.trail import Crop, Trail, whole

if TYPE_CHECKING:
    from mlx_saccade import media
    from mlx_saccade.engine import Answer, Engine

__all__ = ["search"]

# Tiles that go before a finer grid if that one can still have as many as the second number.
_COARSE, _FINE = 4, 9
# One in this many looks is kept back for second looks.
_SECOND = 5


def search(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    /,
    *,
    max_looks: int = 12,
    overlap: float = 0.2,
    smallest: int = 10,
    confidence: float = 0.8,
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
        confidence: least confidence of such a box, as `Answer.confidence`, from 0 to 1.
        options: other arguments of `Engine.look`.

    Returns:
        Answers with the box that is surest; without a box if none is sure and none could be confirmed.

    Raises:
        InputError: as `Engine.look`, or a parameter is outside its range.
    """
    check_range("policy search: overlap", overlap, 0, 0.5)
    check_range("policy search: confidence", confidence, 0, 1)
    validation.at_least(0, smallest, "policy search: smallest")
    validation.at_least(1, max_looks, "policy search: max_looks")
    hunts = [_Hunt(words, frame.source_size, max_looks, overlap, smallest, confidence) for words in descriptions]
    return follow(engine, frame, descriptions, [hunt.run() for hunt in hunts], options)


class _Hunt:
    """The search for one description."""

    def __init__(
        self, words: str, size: tuple[int, int], max_looks: int, overlap: float, smallest: int, confidence: float
    ) -> None:
        self.words, self.size, self.max_looks = words, size, max_looks
        self.overlap, self.smallest, self.confidence = overlap, smallest, confidence
        self.trail = Trail(words, size)
        self.candidates: list[Candidate] = []
        self.closed: list[Candidate] = []  # had their second look
        self.disputed: list[Candidate] = []  # found again by it, but under other names
        self.winner: Candidate | None = None

    @property
    def left(self) -> int:
        """Looks that may still be taken."""
        return self.max_looks - len(self.trail.looks)

    def run(self) -> Looks[Answer]:
        """Yield the crops of each round, and return the policy's answer."""
        self.candidates = yield from self.look([whole(self.size)])
        if self.max_looks == 1:
            self.winner = _best(self.candidates)
        else:
            yield from self.hunt()
        return self.trail.answer_of(self.winner)

    def hunt(self) -> Looks[None]:
        """Look again until a place is sure, or no look is left."""
        yield from self.confirm()
        for grid in self.grids():
            if self.winner is None:
                candidates = yield from self.look(cut(self.size, grid, self.overlap))
                # A place that had its second look is looked at again only under the right name.
                self.candidates += [one for one in candidates if one.agrees or not self.is_closed(one)]
                self.accept_sure()
        while self.winner is None and self.left and self.candidates:
            yield from self.confirm()
        if self.winner is None:
            agreeing = [one for one in self.candidates if one.agrees]
            self.winner = _best(agreeing or self.disputed)

    def look(self, crops: Sequence[Crop]) -> Looks[list[Candidate]]:
        """Look at crops, and return the places that were found."""
        places = [place for place in (yield from self.trail.look(crops)) if place is not None]
        for place in places:
            self.trail.judge(place.look, self.verdict(place))
        return places

    def is_closed(self, one: Candidate) -> bool:
        """Return True for a place that had its second look."""
        return any(is_same_place(one, other) for other in self.closed)

    def confirm(self) -> Looks[None]:
        """End with the best place if it is sure; else look at it again, and end with it if it is found again."""
        self.accept_sure()
        best = _best(self.candidates)
        if self.winner is not None or best is None or not self.left:
            return
        self.closed.append(best)
        self.candidates = [one for one in self.candidates if not is_same_place(one, best)]
        again = _best((yield from self.look([self.closer(best)])))
        number, first = len(self.trail.looks) - 1, f"look {best.look + 1}"
        if again is None:
            self.trail.judge(number, f"no box; {first} is dropped")
        elif not is_same_place(again, best):
            self.trail.judge(number, f"another place than {first}; {self.verdict(again)}")
            self.candidates.append(again)
        elif again.agrees:
            self.trail.judge(number, f"confirms {first}")
            self.winner = again
        else:
            self.trail.judge(number, f"the same place as {first}; {self.verdict(again)}")
            self.disputed += [again] if again.agreement <= PARAPHRASE else []

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

    def closer(self, one: Candidate) -> Crop:
        """Return the crop of a second look: in source pixels if the image has as many, twice as long as the box."""
        processed, (x1, y1, x2, y2) = self.trail.answers[0].frames[0].processed_size, one.box.xyxy
        lengths = []
        for pixels, side, box, start, end in zip(
            processed, self.size, (x2 - x1, y2 - y1), one.crop[:2], one.crop[2:], strict=True
        ):
            least = end - start if one.is_cut else min(pixels, (side + 1) // 2)
            lengths.append(max(least, round(2 * box), 1))
        return centered(one.box.center, self.size, (lengths[0], lengths[1]))

    def verdict(self, one: Candidate) -> str:
        """Return what speaks against a box, or "sure"."""
        if not one.agrees:
            return f"labeled {one.box.label!r}"
        if one.is_cut:
            return "cut off by the edge of the crop"
        if one.confidence < self.confidence:
            return f"unsure: confidence {one.confidence:.2f}"
        if one.side is not None and one.side < self.smallest:
            return f"small: {one.side:.0f} model pixels"
        return "sure"

    def accept_sure(self) -> None:
        """End with the best box if nothing speaks against it."""
        best = _best(self.candidates)
        if best is not None and self.verdict(best) == "sure":
            self.winner = best


def _best(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the surest of several places; None if there is none."""
    return max(candidates, key=lambda one: one.rank, default=None)
