"""Seconds of a question about an image of a number of tokens, read off a profile."""

from __future__ import annotations

from dataclasses import dataclass

from mlx_saccade.bench.run import Run

__all__ = ["Seconds", "seconds_at"]


@dataclass(frozen=True)
class Seconds:
    """What a profile says of a number of visual tokens.

    Attributes:
        seconds: of the first question about an image, its decoding and answer included; None outside the profile.
        measured: smallest and largest visual tokens that were measured; None if nothing was.
        estimated: True if the profile ran a part of the layers, so that its seconds are an estimate.
    """

    seconds: float | None
    measured: tuple[int, int] | None
    estimated: bool = False


def seconds_at(run: Run, tokens: int, side: str = "saccade") -> Seconds:
    """Return the seconds of a question, linear between the two nearest measured numbers of tokens.

    Args:
        run: a profile.
        tokens: visual tokens of the image, at least 1.
        side: one of `mlx_saccade.bench.run.SIDES`.
    """
    points: dict[int, float] = {}
    estimated = False
    for cell in run.cells:
        if cell.side == side and cell.question == 1 and cell.stages.get("whole"):
            points[cell.tokens] = cell.estimate.get("whole", min(cell.stages["whole"]))
            estimated = estimated or bool(cell.estimate)
    if not points:
        return Seconds(None, None)
    known = sorted(points)
    measured = known[0], known[-1]
    if not measured[0] <= tokens <= measured[1]:
        return Seconds(None, measured, estimated)
    below, above = max(one for one in known if one <= tokens), min(one for one in known if one >= tokens)
    part = (tokens - below) / (above - below) if above > below else 0.0
    return Seconds(points[below] + part * (points[above] - points[below]), measured, estimated)
