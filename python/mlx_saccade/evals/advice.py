"""Advise a budget or a policy for a target, from a run of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlx_saccade.errors import InputError
from mlx_saccade.evals.budgets import optima
from mlx_saccade.evals.cells import Cell, cells
from mlx_saccade.evals.rows import Row
from mlx_saccade.evals.score_table import ScoreTable, score_table
from mlx_saccade.preprocess import recommend
from mlx_saccade.preprocess.plan import Plan, plan

if TYPE_CHECKING:
    from mlx_saccade.families import Family
    from mlx_saccade.media import Frame, Source

__all__ = ["RunAdvice", "advise"]


@dataclass(frozen=True)
class RunAdvice:
    """What a run says about a target of a size. Sizes are (width, height).

    Attributes:
        target_size: size of the target in source pixels.
        share: share of the frame's area that the target covers, above 0 and at most 1.
        size: size bin, "large", "medium", "small" or "tiny".
        chosen: the setting to take: of those that cannot be told from the most accurate one, the quickest, by seconds
            or, where a run has none, by tokens. With fewer than ten screens it is the most accurate one.
        best: the setting with the highest mean.
        level: settings that cannot be told from the best one, itself included; only `best` with fewer than ten screens.
        rows: all settings of the size bin.
        best_share: share of the bootstrap's draws in which `best` is the best; None with fewer than ten screens.
        plan: of the image under the budget of `chosen`.
        shorter_side: shorter side of the target in model pixels of a look at the whole image.
        alike: the figures, under the setting of `chosen`, of the run's targets with such a side; None without any.
    """

    target_size: tuple[float, float]
    share: float
    size: str
    chosen: Cell
    best: Cell
    level: tuple[Cell, ...]
    rows: tuple[Cell, ...]
    best_share: float | None
    plan: Plan
    shorter_side: float
    alike: Cell | None


def advise(
    rows: Sequence[Row],
    target: Sequence[float],
    image: tuple[int, int] | Frame | Source,
    *,
    family: str | Family = "qwen2.5-vl",
) -> RunAdvice:
    """Return what a run advises for a target.

    Args:
        rows: of the run.
        target: size (width, height) or box (x1, y1, x2, y2) in source pixels.
        image: (width, height), a `media.Frame`, or any image that `mlx_saccade.plan` takes.
        family: name of the model's family, or a `Family`.

    Raises:
        InputError: as `mlx_saccade.recommend`, or the run has no answered target of that size.
        FileNotFoundError: no such image.
    """
    published = recommend.recommend(target, image, family=family)
    table = score_table(rows)
    settings = [cell for cell in cells(table, "regime") if cell.value == published.size and cell.iou is not None]
    if not settings:
        sizes = ", ".join(sorted({cell.value for cell in cells(table, "regime")})) or "no target"
        raise InputError(
            f"run: expected answers about {published.size} targets; got {sizes}. Extend it with screens that have some"
        )
    best, level, best_share = _best(table, published.size, settings)
    chosen = min(level, key=_cost)
    own = plan(published.plan.source_size, family=family, budget=chosen.budget)
    side = min(length / scale for length, scale in zip(published.target_size, own.scale, strict=True))
    return RunAdvice(
        target_size=published.target_size,
        share=published.share,
        size=published.size,
        chosen=chosen,
        best=best,
        level=level,
        rows=tuple(settings),
        best_share=best_share,
        plan=own,
        shorter_side=side,
        alike=_alike(table, chosen, side),
    )


def _best(table: ScoreTable, size: str, settings: Sequence[Cell]) -> tuple[Cell, tuple[Cell, ...], float | None]:
    """Return the most accurate setting, those that cannot be told from it, and how often it is the best."""
    by_setting = {(cell.policy, str(cell.budget)): cell for cell in settings}
    contests = [one for one in optima(table) if (one.regime, one.metric) == (size, "iou")]
    widest = max(contests, key=lambda one: len(one.choices), default=None)
    if widest is None or len(widest.choices) < len(settings):  # no target has an answer under every setting
        best = max(settings, key=lambda cell: cell.iou or 0.0)
        return best, (best,), None
    best = by_setting[widest.best_policy, str(widest.best_budget)]
    level = tuple(by_setting[one.policy, str(one.budget)] for one in widest.choices if one.is_level)
    share = next(one.best_share for one in widest.choices if by_setting[one.policy, str(one.budget)] == best)
    return best, level or (best,), share


def _cost(cell: Cell) -> tuple[float, float]:
    """Return what a setting costs, to order settings by; unknown costs come last."""
    missing = float("inf")
    return missing if cell.seconds is None else cell.seconds, missing if cell.tokens is None else cell.tokens


def _alike(table: ScoreTable, chosen: Cell, side: float) -> Cell | None:
    """Return the figures of the targets whose side in model pixels is in the same group."""
    for cell in cells(table, "model_side"):
        if (cell.policy, cell.budget) == (chosen.policy, chosen.budget) and cell.iou is not None:
            low, high = _bounds(cell.value)
            if low <= side < high:
                return cell
    return None


def _bounds(name: str) -> tuple[float, float]:
    """Return the bounds of a group by side, as `mlx_saccade.evals.cells` names it."""
    words = name.split()
    if words[0] == "below":
        return 0.0, float(words[1])
    return float(words[0] if words[0] != "from" else words[1]), float("inf" if words[0] == "from" else words[2])
