"""The cells of a report as tables for people: accuracy, the ways to be wrong, and seconds by stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from mlx_saccade.cli import output
from mlx_saccade.cli.sweeps.words import REGIMES, budget, interval, number, print_legend, right

if TYPE_CHECKING:
    from mlx_saccade.evals.cells import Cell

__all__ = ["GROUPINGS", "print_accuracy", "print_errors", "print_seconds"]

GROUPINGS: Final = {
    "regime": "regime", "type": "ui_type", "application": "application", "group": "group", "side": "model_side",
}  # fmt: skip
"""Words of --by, and the grouping that each is."""
_GROUP_LEGENDS: Final = {
    "regime": f"{REGIMES}; all: every target",
    "type": "target: text or icon; all: every target",
    "application": "target: the application on the screen; all: every target",
    "group": "target: the group of applications, or the kind of element; all: every target",
    "side": "target: its shorter side in pixels of the image that the first look was shown; all: every target",
}
_ACCURACY: Final = (
    "n: questions; IoU: mean overlap of the answer's box with the known one, from 0 to 1. An answer without a place "
    "counts as 0, a point alone has no IoU, and a failed question counts in no figure",
    "hits: share of answers with the center of the box, or the point, inside the known box; click: share whose point "
    "to click is inside, as ScreenSpot-Pro counts",
    "95 %: interval of the figure before it, by screens; -: not known, an interval needs ten screens",
)
_ERRORS: Final = (
    "off px: median distance of the answer's center from the known one, in pixels of the source; off: the same, "
    "divided by the diagonal of the known box",
    "size: median area of the answer's box divided by the known one's; above 1 it is bloated",
    "none: answers without a place; rejected: answers whose every place was rejected; failed: questions with an error",
    "tokens: mean visual tokens of all looks; seconds: median of a question; -: not measured",
)


def print_accuracy(cells: Sequence[Cell], by: str) -> None:
    """Print accuracy with its intervals, a table for each policy.

    Args:
        cells: of one grouping, and of all targets.
        by: the word of `GROUPINGS` for the grouping.
    """
    for own in _by_policy(cells):
        output.table([("target", "left"), *right("budget", "n", "IoU", "95 %", "hits", "95 %", "click")], [
            (_group(cell), budget(cell.budget), f"{cell.n:,}", number(cell.iou), interval(cell.iou_low, cell.iou_high),
             number(cell.hits), interval(cell.hits_low, cell.hits_high), number(cell.point_in_box)) for cell in own
        ])  # fmt: skip
    notes = dict.fromkeys(f"no interval for {_group(cell)}: {cell.note}" for cell in cells if cell.note)
    print_legend((_GROUP_LEGENDS[by], *_ACCURACY), list(notes))


def print_errors(cells: Sequence[Cell]) -> None:
    """Print the ways to be wrong, and what answers cost, a table for each policy."""
    names = ("budget", "off px", "off", "size", "none", "rejected", "failed", "tokens", "seconds")
    for own in _by_policy(cells):
        output.table([("target", "left"), *right(*names)], [
            (_group(cell), budget(cell.budget), number(cell.center_error, 1), number(cell.center_error_share, 2),
             number(cell.size_ratio, 2), str(cell.no_answer), str(cell.rejected), str(cell.failed),
             number(cell.tokens, 0), number(cell.seconds, 2)) for cell in own
        ])  # fmt: skip
    print_legend(_ERRORS)


def print_seconds(cells: Sequence[Cell]) -> None:
    """Print the seconds of each stage and the memory, a table for each policy.

    Args:
        cells: of all targets.
    """
    stages = list(dict.fromkeys(stage for cell in cells for stage in cell.stages))
    if not stages:
        return
    for own in _by_policy(cells):
        output.table(right("budget", *stages, "whole", "memory"), [
            (budget(cell.budget), *(number(cell.stages.get(stage), 3) for stage in stages), number(cell.seconds, 3),
             "-" if cell.peak_bytes is None else output.bytes_text(cell.peak_bytes)) for cell in own
        ])  # fmt: skip
    print_legend(("median seconds of each stage and of the whole question; memory: most that a question took",))


def _by_policy(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Yield the cells of each policy, with its name printed before if there are several."""
    policies = list(dict.fromkeys(cell.policy for cell in cells))
    for policy in policies:
        if len(policies) > 1:
            output.text(f"policy {policy}")
        yield [cell for cell in cells if cell.policy == policy]


def _group(cell: Cell) -> str:
    return cell.value or "(not said)"
