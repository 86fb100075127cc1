"""The stages of a call as the parts of one bar."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from mlx_saccade.bench.run import STAGES, Cell

__all__ = ["as_pairs", "medians", "parts"]

PREPARATION = "preparation"
"""Decode and patchify together, which some sides do not tell apart."""
BEFORE = ("decode", "patchify", "vision", "prefill")
"""Stages that follow one another up to the first token."""
Parts = list[tuple[str, float]]


def medians(cell: Cell) -> dict[str, float]:
    """Return the median seconds of each stage that a cell measured, the known stages first."""
    names = sorted(cell.stages, key=lambda name: STAGES.index(name) if name in STAGES else len(STAGES))
    return {name: median(cell.stages[name]) for name in names if cell.stages[name]}


def parts(stages: Mapping[str, float]) -> Parts:
    """Return (name, seconds) of the parts that add up to a call.

    "first token" contains the stages before it and "whole" contains everything, so that both become what is left of
    them. A rest below zero, which stages timed apart can have, is left out.

    Args:
        stages: seconds by stage, as `bench.Cell` has them.
    """
    is_split = "decode" in stages or "patchify" in stages
    names = BEFORE if is_split else (PREPARATION, *BEFORE)
    segments = [(name, stages[name]) for name in names if stages.get(name)]  # a cached image takes no time in the tower
    total = sum(seconds for _, seconds in segments)
    for whole, alone, rest in (
        ("first token", "up to the first token", "rest of the first token"),
        ("whole", "whole call, not split", "later tokens and rest"),
    ):
        if whole in stages and stages[whole] > total:
            segments.append((rest if segments else alone, stages[whole] - total))
            total = stages[whole]
    return segments


def as_pairs(values: Mapping[str, Any]) -> list[list[Any]]:
    """Return a mapping as [name, value] pairs, which no name from a file can turn into something else in JavaScript."""
    return [[name, value] for name, value in values.items()]
