"""Write two sets of targets on the same generated screens: one with ambiguous descriptions among them, one without.

They show what contamination does to a curve by budget. Both have the same screens and as many targets of the same
kinds and about the same sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mlx_saccade import scenes
from mlx_saccade.errors import InputError
from mlx_saccade.evals.metrics import share_of
from mlx_saccade.evals.screenspot import Job, entry, write_list

if TYPE_CHECKING:
    from mlx_saccade.scenes import Element

__all__ = ["CLEAN", "CONTAMINATED", "PairedSets", "write_paired_sets"]

CLEAN, CONTAMINATED = "clean.json", "contaminated.json"
_MOST_PAIRS: Final = 4  # ambiguous descriptions taken of one screen
_MAX_RATIO: Final = 1.5  # of the shares of an ambiguous target and its clean counterpart


@dataclass(frozen=True)
class PairedSets:
    """The two sets that were written.

    Attributes:
        targets: number in each.
        ambiguous: number of ambiguous descriptions in the contaminated set.
        screens: number with a target.
    """

    targets: int
    ambiguous: int
    screens: int


def write_paired_sets(
    folder: Path,
    seeds: Sequence[int],
    size: tuple[int, int],
    share: float,
    *,
    advance: Callable[[int], object] = lambda done: None,
) -> PairedSets:
    """Write screens, `contaminated.json` and `clean.json` in ScreenSpot-Pro's fields.

    An ambiguous target has the box of one of the two elements that its description matches, drawn at random; its
    counterpart in the clean set has the same kind and a share of the frame within a factor of 1.5. All other targets
    are in both sets.

    Args:
        folder: for the files, created if missing.
        seeds: of the screens.
        size: (width, height) of the screens in pixels.
        share: of ambiguous descriptions in the contaminated set, above 0 and at most 1.
        advance: called with the number of screens that are done.

    Raises:
        InputError: a share out of range, the folder is a file, or the screens have no ambiguous description that has a
            counterpart.
    """
    if not 0 < share <= 1:
        raise InputError(f"--share: expected above 0 and at most 1; got {share}. Give such as 0.3")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder}: expected a folder; got a file. Name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    job = Job(folder, size, ambiguous=True)
    contaminated: list[dict[str, Any]] = []
    clean: list[dict[str, Any]] = []
    ambiguous = 0
    for done, seed in enumerate(seeds, 1):
        pairs, others = _choose(seed, size)
        # So many others that the share of all screens up to here is the one that was asked for.
        count = round((ambiguous + len(pairs)) * (1 - share) / share) - (len(clean) - ambiguous)
        others = others[: max(0, count)]
        ambiguous += len(pairs)
        for number, (doubtful, counterpart) in enumerate(pairs):
            contaminated.append(_entry(job, seed, f"pair-{number}", doubtful, ambiguous=True))
            clean.append(_entry(job, seed, f"pair-{number}", counterpart, ambiguous=False))
        shared = [_entry(job, seed, str(number), one, ambiguous=False) for number, one in enumerate(others)]
        contaminated += shared
        clean += shared
        if (pairs or others) and not all(job.check(seed)):
            job.draw(seed)
        advance(done)
    if not ambiguous:
        raise InputError(f"--n: expected screens with ambiguous descriptions; got {len(seeds)} without. Give more")
    write_list(folder / CONTAMINATED, contaminated)
    write_list(folder / CLEAN, clean)
    return PairedSets(len(clean), ambiguous, len({one["img_filename"] for one in clean}))


Target = tuple[str, tuple[int, int, int, int], str]
"""Description, box and kind."""


def _entry(job: Job, seed: int, name: str, target: Target, *, ambiguous: bool) -> dict[str, Any]:
    description, box, kind = target
    return {**entry(job, seed, name, description, box, kind), "ambiguous": ambiguous}


def _choose(seed: int, size: tuple[int, int]) -> tuple[list[tuple[Target, Target]], list[Target]]:
    """Return pairs of an ambiguous target and its clean counterpart, and the other clean targets, in random order."""
    elements, ambiguities = scenes.annotate(seed, size, ambiguous=True)
    rng = np.random.RandomState(seed)
    unused = [elements[index] for index in rng.permutation(len(elements)) if not elements[index].relation]
    pairs: list[tuple[Target, Target]] = []
    for index in rng.permutation(len(ambiguities)):
        doubtful = ambiguities[index]
        one = elements[doubtful.elements[rng.randint(2)]]
        alike = [other for other in unused if other.kind == one.kind]
        match = min(alike, key=lambda other, one=one: _ratio(other, one, size), default=None)  # type: ignore[misc]
        if match is not None and _ratio(match, one, size) <= _MAX_RATIO and len(pairs) < _MOST_PAIRS:
            unused.remove(match)
            pairs.append(((doubtful.description, one.box, one.kind), _target(match)))
    return pairs, [_target(other) for other in unused]


def _target(element: Element) -> Target:
    return element.description, element.box, element.kind


def _ratio(one: Element, other: Element, size: tuple[int, int]) -> float:
    """Return how many times the smaller share of the frame the larger one is."""
    shares = share_of(one, size), share_of(other, size)
    return max(shares) / min(shares)
