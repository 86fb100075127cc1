"""Compare a large budget with a small one: the growth of each stage, and the stage that makes the difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from mlx_saccade.bench.run import Cell, Run

__all__ = ["PARTS", "PUBLISHED", "Growth", "growth"]

PARTS = ("preparation", "vision", "prefill", "tokens")
"""Stages that add up to the whole; "tokens" stands for all later tokens of the answer."""
PUBLISHED = 6.4
"""The ratio of 16,384 to 1,280 tokens of Qwen2.5-VL-7B, 4-bit, on Apple Silicon: 62 s and 9.7 s a question."""


@dataclass(frozen=True)
class Growth:
    """The growth of one side's first question from a small budget to a large one.

    Attributes:
        side: name of the side.
        small: the small budget.
        large: the large budget.
        ratios: time at the large budget divided by that at the small one, by stage.
        shares: part that each of `PARTS` has in the time that the large budget adds.
        estimated: at the full number of layers, by estimate.
    """

    side: str
    small: int
    large: int
    ratios: Mapping[str, float]
    shares: Mapping[str, float]
    estimated: bool

    @property
    def largest(self) -> str:
        """Stage that makes most of the difference."""
        return max(self.shares, key=lambda stage: self.shares[stage])


def growth(run: Run, small: int = 1280, large: int = 16384, *, estimated: bool = False) -> list[Growth]:
    """Return the growth of each side that ran at both budgets.

    Args:
        run: a profile.
        small: the small budget; default 1,280.
        large: the large budget; default 16,384.
        estimated: use the estimates at the full number of layers; default False.
    """
    cells = {(cell.side, cell.budget): cell for cell in run.cells if cell.question == 1}
    growths = []
    for side in dict.fromkeys(cell.side for cell in run.cells):
        pair = [
            _seconds(cells[side, budget], estimated=estimated) for budget in (small, large) if (side, budget) in cells
        ]
        if len(pair) == 2 and all(pair):
            growths.append(_growth(side, small, large, pair[0], pair[1], estimated=estimated))
    return growths


def _seconds(cell: Cell, *, estimated: bool) -> Mapping[str, float]:
    return cell.estimate if estimated else {stage: median(values) for stage, values in cell.stages.items()}


def _growth(
    side: str, small: int, large: int, low: Mapping[str, float], high: Mapping[str, float], *, estimated: bool
) -> Growth:
    ratios = {stage: high[stage] / low[stage] for stage in high if low.get(stage, 0) > 0 and high[stage] > 0}
    gains = {stage: high[stage] - low[stage] for stage in PARTS if stage != "tokens"}
    gains["tokens"] = (high["whole"] - high["first token"]) - (low["whole"] - low["first token"])
    total = sum(max(0.0, gain) for gain in gains.values()) or 1.0
    shares = {stage: max(0.0, gain) / total for stage, gain in gains.items()}
    return Growth(side, small, large, ratios, shares, estimated)
