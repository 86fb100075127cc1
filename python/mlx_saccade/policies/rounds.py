"""Let the looks of several descriptions run together, a round at a time."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mlx_saccade.engine.policy import Crop

if TYPE_CHECKING:
    from mlx_saccade import media
    from mlx_saccade.engine import Answer, Engine

__all__ = ["Looks", "follow"]

_T = TypeVar("_T")
Looks = Generator[list[Crop], list["Answer"], _T]
"""Yields the crops of a round, at least one, and is sent the answers to them."""


def follow(
    engine: Engine,
    frame: media.Frame,
    descriptions: Sequence[str],
    ways: Sequence[Looks[Answer]],
    options: Mapping[str, Any],
) -> list[Answer]:
    """Return what the way of each description returns; the crops of a round are one batch for all of them.

    Args:
        engine: loaded engine.
        frame: whole image.
        descriptions: of the targets.
        ways: one for each description.
        options: of `Engine.look`.
    """
    results: dict[int, Answer] = {}

    def advance(number: int, answers: list[Answer] | None) -> list[Crop]:
        try:
            return next(ways[number]) if answers is None else ways[number].send(answers)
        except StopIteration as end:
            results[number] = end.value
            return []

    rounds = {number: advance(number, None) for number in range(len(ways))}
    while any(rounds.values()):
        views = [(crop, descriptions[number]) for number, crops in rounds.items() for crop in crops]
        answers = iter(engine.look(frame, views, **options))
        rounds = {n: advance(n, [next(answers) for _ in crops]) for n, crops in rounds.items() if crops}
    return [results[number] for number in range(len(ways))]
