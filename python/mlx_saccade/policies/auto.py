"""Auto: look once at the whole image, and look closer only where that answer says that it is not enough.

Another look costs as much as the first, so it has to pay. What the first look says was measured on generated 4K screens
(benchmarks/README.md, "Signals of a first look"):

- the size: a box that is narrow on the model's image is imprecise, and gains from a closer look; a larger one does not;
- the confidence: low where the place is a slip;
- no box: the target may be too small to be seen, or absent. With more looks than the default, tiles are looked at until
  one has it; they find most of the rest, and cost several looks for each target that is absent.

A second sample of the same look says less than the confidence, and is not free. Labels in other words say much on the
packaged checkpoint, but other models may name a thing as they like. So they only decide about the box of a tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlx_saccade import validation
from mlx_saccade.policies.candidates import PARAPHRASE, Candidate, is_same_place
from mlx_saccade.policies.parameters import check_range
from mlx_saccade.policies.rounds import Looks, follow
from mlx_saccade.policies.tiles import LEAST_GAIN, centered, choose_grid, cut
from mlx_saccade.policies.trail import Crop, Trail, whole

if TYPE_CHECKING:
    from mlx_saccade import media
    from mlx_saccade.engine import Answer, Engine

__all__ = ["auto"]

_OVERLAP = 0.2
# Least length of a closer crop in those of its box, and its share of the crop before where the box is unsure.
_AROUND, _SHARE = 1.5, 0.5
# From this share of the image on, one look at 1,280 tokens serves a target best. So a long bar is not small.
_SMALL_SHARE = 0.01


def auto(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    /,
    *,
    max_looks: int = 3,
    smallest: int = 20,
    confidence: float = 0.6,
    side: int = 28,
    **options: Any,
) -> list[Answer]:
    """Locate each description in the whole image, and closer where its box is small, cut off or unsure.

    Args:
        engine: loaded engine.
        frame: whole image.
        descriptions: of the targets. Looks of all of them run together, and each crop is encoded once.
        max_looks: maximum looks for each description; 1 is the flat look. From 4 on, tiles are looked at where the
            first look has no box.
        smallest: least shorter side in model pixels of a box that needs no closer look.
        confidence: least confidence of such a box, as `Answer.confidence`, from 0 to 1.
        side: shorter side in model pixels that a small box has in the closer look, at least `smallest`.
        options: other arguments of `Engine.look`.

    Returns:
        Answers with the box of the closest look that has one. A first box is never dropped; that of a tile is if a
        closer look does not confirm it.

    Raises:
        InputError: as `Engine.look`, or a parameter is outside its range.
    """
    check_range("policy auto: confidence", confidence, 0, 1)
    validation.at_least(1, max_looks, "policy auto: max_looks")
    validation.at_least(0, smallest, "policy auto: smallest")
    validation.at_least(max(smallest, 1), side, "policy auto: side")
    targets = [_Target(words, frame.source_size, max_looks, smallest, confidence, side) for words in descriptions]
    return follow(engine, frame, descriptions, [target.run() for target in targets], options)


class _Target:
    """The looks for one description, and the best place so far."""

    def __init__(
        self, words: str, size: tuple[int, int], max_looks: int, smallest: int, confidence: float, side: int
    ) -> None:
        self.size, self.max_looks = size, max_looks
        self.smallest, self.confidence, self.side = smallest, confidence, side
        self.trail = Trail(words, size)
        self.best: Candidate | None = None

    @property
    def left(self) -> int:
        """Looks that may still be taken."""
        return self.max_looks - len(self.trail.looks)

    def run(self) -> Looks[Answer]:
        """Yield the crop of each look, and return the policy's answer."""
        first = yield from self.look(whole(self.size))
        if first is not None:
            yield from self.refine(first)
            return self.trail.answer_of(self.best)
        places = yield from self.look_at_tiles()
        if places:
            yield from self.refine(max(places, key=lambda one: one.rank))
            self.check_tile()
        return self.trail.answer_of(self.best)

    def look(self, crop: Crop) -> Looks[Candidate | None]:
        """Look at a crop, and return the place that it gave."""
        (one,) = yield from self.trail.look([crop])
        if one is not None:
            self.trail.judge(one.look, self.doubt(one) or "sure")
        return one

    def look_at_tiles(self) -> Looks[list[Candidate]]:
        """Look at one tile after the other until a place is the target by all signs; return the places."""
        places: list[Candidate] = []
        for tile in self.tiles():
            one = yield from self.look(tile)
            places += [] if one is None else [one]
            if one is not None and one.agrees and not one.is_cut and one.confidence >= self.confidence:
                break
        return places

    def refine(self, place: Candidate) -> Looks[None]:
        """Look closer at a place if it is doubtful, and again where the closer crop cuts it off."""
        self.best = place
        again: Candidate | None = place
        while again is not None and self.left:
            crop = self.closer(again)
            if crop is None:
                return
            before = again
            again = self.keep(before, (yield from self.look(crop)))

    def keep(self, before: Candidate, again: Candidate | None) -> Candidate | None:
        """Keep the better of a place and what a closer look gave; return it if it has to be looked at again."""
        if again is None:
            self.trail.keep(before)
            return None
        worse = None
        if not is_same_place(again, before) and again.confidence < before.confidence:
            worse = "another place, and less sure"
        elif again.is_cut and not before.is_cut and not self.left:
            worse = "cut off by the edge of the crop"
        if worse is not None:
            self.trail.judge(again.look, f"{worse}; that of look {before.look + 1} is kept")
            return None
        self.best = again
        return again if again.is_cut else None

    def check_tile(self) -> None:
        """Drop the place of a tile that a closer look did not confirm, or that has the name of a sibling."""
        assert self.best is not None
        is_confirmed = self.best.look == len(self.trail.looks) - 1 or self.doubt(self.best) is None
        if not is_confirmed or PARAPHRASE < self.best.agreement < 1:
            self.trail.judge(self.best.look, f"{self.trail.looks[self.best.look].verdict}; dropped")
            self.best = None

    def doubt(self, one: Candidate) -> str | None:
        """Return what asks for a closer look at a place, in words; None if nothing does."""
        answer = self.trail.answers[one.look]
        if len(answer.boxes) + len(answer.points) + len(answer.actions) > 1:
            return None  # a closer look would lose the others
        if one.is_cut:
            return "cut off by the edge of the crop"
        if self.is_small(one):
            return f"small: {one.side:.0f} model pixels"
        return f"unsure: confidence {one.confidence:.2f}" if one.confidence < self.confidence else None

    def is_small(self, one: Candidate) -> bool:
        """Return True for a box of few model pixels, unless it is long."""
        (x1, y1, x2, y2), (left, top, right, bottom) = one.box.xyxy, one.crop
        share = (x2 - x1) * (y2 - y1) / ((right - left) * (bottom - top))
        return one.side is not None and one.side < self.smallest and share < _SMALL_SHARE

    def closer(self, one: Candidate) -> Crop | None:
        """Return the crop of a closer look at a place; None if nothing asks for it, or if it would show no more.

        It is in pixels of the source if the image has as many, and longer than the box.
        """
        if self.doubt(one) is None:
            return None
        processed, (x1, y1, x2, y2) = self.trail.answers[0].frames[0].processed_size, one.box.xyxy
        share = _SHARE
        if one.is_cut:
            share = 1.0  # as large as before, with the place in its middle
        elif one.side is not None and self.is_small(one):
            share = one.side / self.side
        lengths = [
            max(round(share * (end - start)), round(_AROUND * box), pixels)
            for start, end, box, pixels in zip(one.crop[:2], one.crop[2:], (x2 - x1, y2 - y1), processed, strict=True)
        ]
        crop = centered(one.box.center, self.size, (lengths[0], lengths[1]))
        shown = (crop[2] - crop[0]) * (crop[3] - crop[1]) / (processed[0] * processed[1])
        is_finer = one.scale >= LEAST_GAIN * max(shown, 1.0) ** 0.5
        return crop if crop != one.crop and (is_finer or one.is_cut) else None

    def tiles(self) -> list[Crop]:
        """Return tiles to look at, with one look left for a closer one; none where they would not help.

        They show no more than the whole of a small image. Numbers that were rejected, and an answer that was cut off,
        do not say that the target was not seen.
        """
        first = self.trail.answers[0]
        frame = first.frames[0]
        if first.rejected or first.finish == "length" or max(frame.scale) < LEAST_GAIN:
            return []
        width, height = frame.processed_size
        grid = choose_grid(self.size, max(1, self.left - 1), width * height, _OVERLAP)
        return [] if grid == (1, 1) else cut(self.size, grid, _OVERLAP)
