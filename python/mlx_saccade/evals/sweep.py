"""The sweep: every target on generated screens, asked for at every budget."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals import runs
from mlx_saccade.evals.metrics import best_iou, bin_of, is_hit, share_of

if TYPE_CHECKING:
    from mlx_saccade.engine import Engine
    from mlx_saccade.scenes import Element, Scene

__all__ = ["KIND", "Key", "Record", "Setup", "choose_targets", "measure", "open_run", "read_run"]

Key = tuple[int, int, int]
"""(seed, target, budget): what tells one question of a sweep from another."""


@dataclass(frozen=True)
class Setup:
    """The questions of a sweep; sweeps with equal setups ask the same ones.

    Attributes:
        model: path or hub id of the checkpoint, or "packaged".
        size: (width, height) of the screens in pixels.
        seeds: seeds of the screens.
        budgets: maximum visual tokens of each run.
        targets: elements to ask for on each screen, as `choose_targets` chooses them.
    """

    model: str
    size: tuple[int, int]
    seeds: tuple[int, ...]
    budgets: tuple[int, ...]
    targets: int

    def __post_init__(self) -> None:
        counts = len(self.seeds), len(self.budgets), self.targets
        if min(counts) < 1:
            raise InputError(
                "sweep: expected at least one screen, one budget and one target a screen; "
                "got {}, {} and {}. Raise what is below 1".format(*counts)
            )


@dataclass(frozen=True)
class Record:
    """The answer to one question.

    Attributes:
        seed: seed of the screen.
        target: index of the target on its screen.
        description: the target's description.
        budget: maximum visual tokens.
        tokens: visual tokens of the image.
        share: share of the frame that the target covers.
        iou: intersection over union, 0 for an answer without a box.
        hit: the center of the answer's box is inside the target's.
        seconds: time of the question, vision and prompt included.
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
    def key(self) -> Key:
        """The question that was answered."""
        return self.seed, self.target, self.budget


def choose_targets(scene: Scene, seed: int, count: int) -> list[Element]:
    """Return up to `count` elements of a screen, drawn at random, one of each size bin in turn.

    In drawing order the dock's icons would come before anything else.
    """
    bins: dict[str, list[Element]] = {}
    for index in np.random.RandomState(seed).permutation(len(scene.elements)):
        element = scene.elements[index]
        bins.setdefault(bin_of(share_of(element, scene.size)), []).append(element)
    targets: list[Element] = []
    while bins and len(targets) < count:
        for size in sorted(bins):
            targets.append(bins[size].pop())
            if not bins[size]:
                del bins[size]
    return targets[:count]


def measure(engine: Engine, setup: Setup, done: Container[Key] = ()) -> Iterator[Record]:
    """Ask the questions of a sweep.

    Args:
        engine: the loaded model, with `cache_memory` 0 and without a `cache_dir`.
        setup: what to ask.
        done: keys of the questions to leave out.

    Returns:
        A record of each question as it is answered: screen by screen, all budgets of a target before the next target.

    Raises:
        InputError: an engine with a cache; only the first question about a screen would take its full time.
    """
    if engine.store.on:
        raise InputError("engine: expected no cache, which shortens the times; got one. Load it with cache_memory=0")
    return _measure(engine, setup, done)


def _measure(engine: Engine, setup: Setup, done: Container[Key]) -> Iterator[Record]:
    from mlx_saccade import scenes

    for seed in setup.seeds:
        keys = [(seed, target, budget) for target in range(setup.targets) for budget in setup.budgets]
        if all(key in done for key in keys):
            continue
        scene = scenes.generate(seed, setup.size)
        for target, element in enumerate(choose_targets(scene, seed, setup.targets)):
            for budget in setup.budgets:
                if (seed, target, budget) in done:
                    continue
                answer = engine.locate(scene.image, element.description, budget=budget)
                yield Record(
                    seed=seed,
                    target=target,
                    description=element.description,
                    budget=budget,
                    tokens=sum(frame.tokens for frame in answer.frames),
                    share=share_of(element, setup.size),
                    iou=best_iou(answer.boxes, [element.box]),
                    hit=is_hit(answer.boxes, [element.box]),
                    seconds=sum(answer.timings.values()),
                )


def _record(line: Any) -> Record:
    return Record(**line)


# Format 1 asked for elements in drawing order; 2 had times that a cache had shortened.
KIND = runs.RunKind("mlx-saccade sweep", 3, "a question of a sweep", _record, setup=True)


def open_run(path: str | os.PathLike[str], setup: Setup, model: str) -> runs.RunLog[Record]:
    """Open the run log of a sweep, new or to be resumed.

    Args:
        path: the file.
        setup: what is asked.
        model: `mlx_saccade.checkpoint.hub.digest` of the checkpoint, which the setup only names.

    Raises:
        InputError: as `mlx_saccade.evals.runs.RunLog`.
    """
    return runs.RunLog(path, KIND, model, asdict(setup))


def read_run(path: str | os.PathLike[str]) -> tuple[Setup, list[Record]]:
    """Return the setup and the records of a sweep's run log, of any checkpoint.

    Raises:
        FileNotFoundError: no such file.
        InputError: the file is not a log of a sweep in this format.
    """
    path = Path(path)
    head, records = runs.read(path, KIND)
    try:
        values = dict(head["setup"])
        width, height = values.pop("size")
        seeds, budgets = tuple(values.pop("seeds")), tuple(values.pop("budgets"))
        return Setup(size=(width, height), seeds=seeds, budgets=budgets, **values), records
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{path}: line 1: expected the setup of a sweep; got {brief(head['setup'])}. Run `mlx-saccade sweep` again"
        ) from None
