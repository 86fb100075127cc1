"""One question after another: every known element of generated screens, at every budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlx_saccade.errors import InputError
from mlx_saccade.grounding import center_inside
from mlx_saccade.preprocess.recommend import row_of

if TYPE_CHECKING:
    from mlx_saccade.engine import Engine
    from mlx_saccade.scenes import Element, Scene

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlx_saccade.evals import runs

__all__ = ["KIND", "Record", "RunLog", "Setup", "bin_of", "chosen", "iou", "measure", "read", "share_of"]

Box = Sequence[float]


@dataclass(frozen=True)
class Setup:
    """What a sweep asks; two sweeps with equal setups ask the same questions.

    Attributes:
        model: the checkpoint's path or hub id, or "packaged".
        size: (width, height) of the screens in pixels.
        seeds: seeds of the screens.
        budgets: visual tokens at most, for each run.
        targets: elements asked for on each screen, as `chosen` picks them.
    """

    model: str
    size: tuple[int, int]
    seeds: tuple[int, ...]
    budgets: tuple[int, ...]
    targets: int

    def __post_init__(self) -> None:
        if not self.seeds or not self.budgets or self.targets < 1:
            raise InputError("a sweep needs at least one screen, one budget and one target a screen")


@dataclass(frozen=True)
class Record:
    """One question: `share` is the target's part of the frame's area, `iou` 0 where the answer had no box.

    `seconds` is all that the question took, vision and prompt included.
    """

    seed: int
    target: int
    description: str
    budget: int
    tokens: int
    share: float
    iou: float
    hit: bool
    seconds: float

    @property
    def key(self) -> tuple[int, int, int]:
        """What tells one question of a sweep from another."""
        return self.seed, self.target, self.budget


def bin_of(share: float) -> str:
    """The size bin of a target that covers `share` of its frame (above 0, at most 1), as in `mlx_saccade.recommend`."""
    return row_of(share).size


def share_of(element: Element, size: tuple[int, int]) -> float:
    """Part of a frame of `size` (width, height) that an element covers."""
    x1, y1, x2, y2 = element.box
    return (x2 - x1) * (y2 - y1) / (size[0] * size[1])


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2); 0 where either has no area."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def chosen(scene: Scene, seed: int, targets: int) -> list[Element]:
    """Up to `targets` elements of a screen by lot, one of each size class in turn.

    Drawing order would take the dock's icons before anything else.
    """
    waiting: dict[str, list[Element]] = {}
    for index in np.random.RandomState(seed).permutation(len(scene.elements)):
        element = scene.elements[index]
        waiting.setdefault(bin_of(share_of(element, scene.size)), []).append(element)
    picked: list[Element] = []
    while waiting and len(picked) < targets:
        for size in sorted(waiting):
            picked.append(waiting[size].pop())
            if not waiting[size]:
                del waiting[size]
    return picked[:targets]


def measure(engine: Engine, setup: Setup, done: set[tuple[int, int, int]] | None = None) -> Iterator[Record]:
    """Ask what has not been asked.

    Args:
        engine: the loaded model, `cache_memory` 0 and without a `cache_dir`.
        setup: what to ask.
        done: keys of the questions to leave out.

    Returns:
        A record a question as it is answered, screen by screen, all budgets of a target before the next target.

    Raises:
        InputError: an engine that keeps what it has seen: only the first question about a screen would pay for it.
    """
    if engine.store.on:
        raise InputError("the engine keeps what it has seen, which shortens the seconds; load it with cache_memory=0")
    return _asked(engine, setup, done or set())


def _asked(engine: Engine, setup: Setup, done: set[tuple[int, int, int]]) -> Iterator[Record]:
    from mlx_saccade import scenes

    for seed in setup.seeds:
        wanted = [(seed, target, budget) for target in range(setup.targets) for budget in setup.budgets]
        if done.issuperset(wanted):
            continue
        scene = scenes.generate(seed, setup.size)
        for target, element in enumerate(chosen(scene, seed, setup.targets)):
            for budget in setup.budgets:
                if (seed, target, budget) in done:
                    continue
                answer = engine.locate(scene.image, element.description, budget=budget)
                box = answer.boxes[0] if answer.boxes else None
                yield Record(
                    seed=seed,
                    target=target,
                    description=element.description,
                    budget=budget,
                    tokens=sum(frame.tokens for frame in answer.frames),
                    share=share_of(element, setup.size),
                    iou=iou(box.xyxy, element.box) if box else 0.0,
                    hit=box is not None and center_inside(box, element.box),
                    seconds=sum(answer.timings.values()),
                )


# The journal of a sweep: a line a question.
# Format 1 asked for elements in drawing order; 2 had seconds that a cache had shortened.
KIND = runs.RunKind("mlx-saccade sweep", 3, "question of a sweep", setup=True)


class RunLog:
    """Records in memory and on disk."""

    def __init__(self, path: str | os.PathLike[str], setup: Setup, model: str) -> None:
        """Read what an earlier sweep with the same setup has left.

        Args:
            path: of the file.
            setup: what is asked.
            model: `mlx_saccade.checkpoint.hub.digest` of the checkpoint, which the setup has by name only.

        Raises:
            InputError: as `mlx_saccade.evals.runs.RunLog`.
        """
        self._kept = runs.RunLog(path, KIND, model, asdict(setup))
        self.records = _records(self._kept.path, self._kept.lines)

    def add(self, record: Record) -> None:
        """Keep one record."""
        self._kept.add(asdict(record))
        self.records.append(record)


def read(path: str | os.PathLike[str]) -> tuple[Setup, list[Record]]:
    """The setup and the whole records of a file, whichever checkpoint they are of.

    Raises:
        FileNotFoundError: no such file.
        InputError: the file is no journal of this format.
    """
    path = Path(path)
    head, lines = runs.read(path, KIND)
    try:
        asked = head["setup"]
        width, height = asked["size"]
        setup = Setup(asked["model"], (width, height), tuple(asked["seeds"]), tuple(asked["budgets"]), asked["targets"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path}: its first line has no setup of a sweep; run `mlx-saccade sweep` again") from None
    return setup, _records(path, lines)


def _records(path: Path, lines: Sequence[Any]) -> list[Record]:
    return [_record(path, place, line) for place, line in enumerate(lines)]


def _record(path: Path, place: int, line: Any) -> Record:
    try:
        return Record(**line)
    except TypeError:
        raise KIND.damaged(path, place) from None
