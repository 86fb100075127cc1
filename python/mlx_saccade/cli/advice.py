"""Say what a run of one's own advises for a target, as JSON values and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import quantity

if TYPE_CHECKING:
    from mlx_saccade.evals.advice import RunAdvice
    from mlx_saccade.evals.cells import Cell

__all__ = ["describe", "facts"]


def describe(advice: RunAdvice) -> dict[str, Any]:
    """Return the advice as JSON values; sizes are (width, height)."""
    return {
        "size": advice.size,
        "share": advice.share,
        "target_size": list(advice.target_size),
        "source_size": list(advice.plan.source_size),
        "family": advice.plan.family.name,
        "budget": advice.chosen.budget,
        "policy": advice.chosen.policy,
        "resized_size": list(advice.plan.resized_size),
        "tokens": advice.plan.tokens,
        "shorter_side": advice.shorter_side,
        "chosen": _row(advice.chosen),
        "metric": advice.metric,
        "best": _row(advice.best),
        "best_share": advice.best_share,
        "level": [_row(cell) for cell in advice.level],
        "rows": [_row(cell) for cell in advice.rows],
        "alike": None if advice.alike is None else _row(advice.alike),
        "note": advice.note,
    }


def _row(cell: Cell) -> dict[str, Any]:
    names = (
        "grouping", "value", "policy", "budget", "n", "screens", "iou", "iou_low", "iou_high", "hits", "hits_low",
        "hits_high", "tokens", "looks", "seconds", "note",
    )  # fmt: skip
    return {name: getattr(cell, name) for name in names}


def facts(advice: RunAdvice, run: str, model: str) -> list[tuple[str, str]]:
    """Return the (name, value) lines for people: target, advice, then what it rests on.

    Args:
        advice: the advice.
        run: name of the run's folder.
        model: what answered in the run.
    """
    chosen, plan = advice.chosen, advice.plan
    (width, height), (source_w, source_h), (resized_w, resized_h) = (
        advice.target_size, plan.source_size, plan.resized_size
    )  # fmt: skip
    share = f"{advice.share * 100:.3g} % of the frame"
    return [
        ("target", f"{width:g} x {height:g} px of {source_w} x {source_h}: {share}, {advice.size}"),
        ("advice", _setting_text(chosen)),
        (
            "expected",
            f"{_accuracy_text(chosen)}; {quantity(chosen.n, 'target')} on {quantity(chosen.screens, 'screen')}",
        ),
        ("cost there", _cost_text(chosen)),
        ("why", _why(advice)),
        ("row", f"{advice.size}, policy {chosen.policy}, budget {chosen.budget} of {run} ({model})"),
        ("others", "; ".join(f"{_setting_text(cell)}: {_accuracy_text(cell)}" for cell in advice.rows)),
        ("model sees", f"{resized_w} x {resized_h} px, {plan.tokens:,} tokens, of the whole image"),
        ("target there", _side_text(advice)),
        *([("note", advice.note)] if advice.note else []),
    ]


def _setting_text(cell: Cell) -> str:
    budget = f"{cell.budget:,} tokens" if isinstance(cell.budget, int) else cell.budget
    return f"one look, {budget}" if cell.policy == "flat" else f"policy {cell.policy}, {budget} a look"


def _accuracy_text(cell: Cell) -> str:
    if cell.iou is None:
        return "hits unknown" if cell.hits is None else f"hits {cell.hits:.2f}"
    words = f"IoU {cell.iou:.3f}"
    if cell.iou_low is not None and cell.iou_high is not None:
        words += f" ({cell.iou_low:.3f} to {cell.iou_high:.3f})"
    return words if cell.hits is None else f"{words}, hits {cell.hits:.2f}"


def _cost_text(cell: Cell) -> str:
    seconds = "seconds unknown" if cell.seconds is None else f"{cell.seconds:.2f} s a question"
    tokens = "" if cell.tokens is None else f", {cell.tokens:,.0f} visual tokens"
    looks = "" if cell.looks is None or cell.looks == 1 else f" in {cell.looks:.1f} looks"
    return f"{seconds}{tokens}{looks}, on the machine of the run"


def _why(advice: RunAdvice) -> str:
    chosen, best = advice.chosen, advice.best
    if len(advice.rows) == 1:
        return "the only setting of the run with answers about such targets"
    if advice.best_share is None:
        return f"the highest mean of the run; it is not known how sure that is: {best.note or 'no common targets'}"
    sure = f"in {advice.best_share * 100:.0f} % of the draws of screens"
    if chosen == best:
        return f"the most accurate {sure}, and the quickest of those that cannot be told from it"
    return (
        f"the most accurate is {_setting_text(best)}: {_accuracy_text(best)}, {sure}; this one cannot be told from it "
        "and is quicker"
    )


def _side_text(advice: RunAdvice) -> str:
    side = f"shorter side {advice.shorter_side:.1f} px"
    alike = advice.alike
    if alike is None:
        return f"{side}; the run has no such targets under this setting"
    return f"{side}; the run's targets of {alike.value} px: {_accuracy_text(alike)}, {quantity(alike.n, 'target')}"
