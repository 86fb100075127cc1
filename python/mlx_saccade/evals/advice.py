"""Advise a budget or a policy for a target, from a run of one's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlx_saccade.errors import InputError
from mlx_saccade.evals.budgets import Metric, optima
from mlx_saccade.evals.cells import SIDE_BOUNDS, Cell, cells
from mlx_saccade.evals.rows import Budget, Row
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
        metric: the figure that decides: "iou", or "hits" where answers are points without boxes.
        chosen: the setting to take: of those that cannot be told from the most accurate one, the quickest, by seconds
            or, where a run has none, by tokens. With fewer than ten screens it is the most accurate one.
        best: the setting with the highest mean.
        level: settings that cannot be told from the best one, itself included; only `best` with fewer than ten screens.
        rows: all settings of the size bin.
        best_share: share of the bootstrap's draws in which `best` is the best; None with fewer than ten screens.
        plan: of the image under the budget of `chosen`.
        shorter_side: shorter side of the target in model pixels of a look at the whole image.
        alike: the figures, under the setting of `chosen`, of the run's targets with such a side; None without any.
        note: what speaks against the advice, in words; "" if nothing does.
    """

    target_size: tuple[float, float]
    share: float
    size: str
    metric: Metric
    chosen: Cell
    best: Cell
    level: tuple[Cell, ...]
    rows: tuple[Cell, ...]
    best_share: float | None
    plan: Plan
    shorter_side: float
    alike: Cell | None
    note: str = ""


def advise(
    rows: Sequence[Row],
    target: Sequence[float],
    image: tuple[int, int] | Frame | Source,
    *,
    family: str | Family = "qwen2.5-vl",
    name: str = "run",
) -> RunAdvice:
    """Return what a run advises for a target.

    Args:
        rows: of the run.
        target: size (width, height) or box (x1, y1, x2, y2) in source pixels.
        image: (width, height), a `media.Frame`, or any image that `mlx_saccade.plan` takes.
        family: name of the model's family, or a `Family`.
        name: of the run, for messages.

    Raises:
        InputError: as `mlx_saccade.recommend`, or the run has no answered target of that size.
        FileNotFoundError: no such image.
    """
    published = recommend.recommend(target, image, family=family)
    table = score_table(rows)
    of_size = [cell for cell in cells(table, "regime") if cell.value == published.size]
    with_answers = [cell for cell in of_size if cell.hits is not None]
    if not with_answers:
        raise _no_targets(name, published.size, cells(table, "regime"))
    metric = _metric(table, published.size)
    settings = [cell for cell in with_answers if mean_of(cell, metric) is not None]
    best, level, best_share = _best(table, published.size, metric, settings)
    chosen = min(level, key=_cost)
    setting_rows = [row for row in rows if (row.policy, str(row.budget)) == (chosen.policy, str(chosen.budget))]
    own = plan(published.plan.source_size, family=family, budget=_budget(name, chosen.budget, setting_rows))
    side = min(length / scale for length, scale in zip(published.target_size, own.scale, strict=True))
    return RunAdvice(
        target_size=published.target_size,
        share=published.share,
        size=published.size,
        metric=metric,
        chosen=chosen,
        best=best,
        level=level,
        rows=tuple(settings),
        best_share=best_share,
        plan=own,
        shorter_side=side,
        alike=_alike(table, chosen, side),
        note="; ".join(filter(None, (_family_note(own, chosen.budget, setting_rows), _no_hit_note(settings)))),
    )


def mean_of(cell: Cell, metric: Metric) -> float | None:
    """Return the mean that decides, None where there is none."""
    return cell.iou if metric == "iou" else cell.hits


def _no_targets(name: str, size: str, all_cells: Sequence[Cell]) -> InputError:
    sizes = ", ".join(sorted({cell.value for cell in all_cells if cell.hits is not None}))
    got = sizes or ("failed questions alone" if all_cells else "no target")
    return InputError(
        f"{name}: expected answers about {size} targets; got {got}. Extend it with screens that have some"
    )


def _metric(table: ScoreTable, size: str) -> Metric:
    """Return the IoU if all answers about targets of a size have one, else hits: points have no IoU."""
    is_size = np.array([target.regime == size for target in table.targets], bool)
    has_iou, has_hit = (~np.isnan(table.figures[name][is_size]) for name in ("iou", "is_hit"))
    return "iou" if np.array_equal(has_iou, has_hit) else "hits"


def _budget(name: str, budget: Budget, rows: Sequence[Row]) -> Budget:
    """Return a budget that needs neither checkpoint nor server: the least that shows the rows' images as large.

    Raises:
        InputError: the budget is the checkpoint's or the server's, and no row has the size of an image.
    """
    if budget not in ("checkpoint", "server"):
        return budget
    pixels = [_pixels(row.target.image_size, row.reply.image_sent_size) for row in rows if row.reply.image_sent_size]
    if not pixels:
        raise InputError(
            f"{name}: expected the sizes of images under the budget {budget}; got none: the runtime hides them. "
            "Extend the run with a budget in tokens"
        )
    return f"{max(pixels)}px"


def _pixels(size: tuple[int, int], sent: tuple[int, int]) -> int:
    """Return the least limit under which an image of `size` is shrunk to `sent`; both sides are rounded down."""
    scale = max(side / whole for side, whole in zip(sent, size, strict=True))
    return math.ceil(size[0] * size[1] * scale**2 - 1e-6)


def _family_note(own: Plan, budget: Budget, rows: Sequence[Row]) -> str:
    """Return that the run's images were of other sizes than the family gives them; "" where they agree."""
    for row in rows:
        size = row.reply.image_sent_size
        if size is None or row.reply.looks:
            continue
        expected = plan(row.target.image_size, family=own.family, budget=_budget("run", budget, rows)).resized_size
        if expected != size:
            shown, ours = (f"{width} x {height}" for width, height in (size, expected))
            return f"the run's model was shown {shown} px, and {own.family.name} would be {ours}: pass its own --family"
    return ""


def _no_hit_note(settings: Sequence[Cell]) -> str:
    """Return that no setting hit a target, so that none is to be advised; "" if one did."""
    if any(cell.hits for cell in settings):
        return ""
    return (
        "no answer of the run hit such a target: extend it with larger budgets, or policies that look closer, such as "
        "search"
    )


def _best(
    table: ScoreTable, size: str, metric: Metric, settings: Sequence[Cell]
) -> tuple[Cell, tuple[Cell, ...], float | None]:
    """Return the most accurate setting, those that cannot be told from it, and how often it is the best."""
    by_setting = {(cell.policy, str(cell.budget)): cell for cell in settings}
    contests = [one for one in optima(table) if (one.regime, one.metric) == (size, metric)]
    widest = max(contests, key=lambda one: len(one.choices), default=None)
    if widest is None or len(widest.choices) < len(settings):  # no target has an answer under every setting
        best = max(settings, key=lambda cell: mean_of(cell, metric) or 0.0)
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
        if (cell.policy, cell.budget) == (chosen.policy, chosen.budget) and cell.hits is not None:
            low, high = SIDE_BOUNDS[cell.value]
            if low <= side < high:
                return cell
    return None
