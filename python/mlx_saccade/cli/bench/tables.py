"""The tables of `mlx-saccade bench`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from mlx_saccade.cli import output

if TYPE_CHECKING:
    from mlx_saccade.bench.compare import Change
    from mlx_saccade.bench.growth import Growth
    from mlx_saccade.bench.preprocess import Comparison
    from mlx_saccade.bench.run import Cell, Check, Run

__all__ = ["print_changes", "print_checks", "print_comparisons", "print_growth", "print_profile"]

_COLUMNS = ("preparation", "vision", "prefill", "first token", "tokens", "whole")
_TIMES = [(name, "right") for name in ("prepare", "vision", "prefill", "first", "token", "whole")]
_HEADINGS = [("side", "left"), ("n", "right"), *_TIMES]
_LEGEND = (
    "seconds, the median; n: first or second question about an image; first: to the first token; token: a later one; "
    "GB: peak memory (predicted)"
)


def print_comparisons(results: Sequence[Comparison]) -> None:
    """Print the times of preprocessing in milliseconds."""
    columns = [(name, "right") for name in ("tokens", "saccade ms", "Pillow + NumPy ms", "ratio", "same bytes")]
    rows = [
        (
            f"{one.tokens:,}",
            f"{one.best('saccade') * 1e3:.2f}",
            f"{one.best('pillow') * 1e3:.2f}",
            f"{one.ratio():.2f}",
            "yes" if one.equal else "NO",
        )
        for one in results
    ]
    output.table(columns, rows)


def print_profile(run: Run) -> None:
    """Print the median seconds of each stage and the memory, a table a budget; below them why a side was skipped."""
    measured = [cell for cell in run.cells if not cell.skipped]
    for budget in dict.fromkeys(cell.budget for cell in measured):
        cells = [cell for cell in measured if cell.budget == budget]
        output.text(f"{budget:,} tokens: an image of {cells[0].tokens:,}")
        rows = [
            (*_stages_row(cell, _medians(cell)), f"{cell.peak_bytes / 1e9:.2f} ({cell.predicted_bytes / 1e9:.2f})")
            for cell in cells
        ]
        output.table([*_HEADINGS, ("GB", "right")], rows)
    if measured:
        output.text(_LEGEND)
    skipped = [f"{cell.side}, {cell.budget:,} tokens: {cell.skipped}" for cell in run.cells if cell.skipped]
    for line in dict.fromkeys(skipped):
        output.text(f"not measured: {line}", hang="  ")
    estimates = [_stages_row(cell, cell.estimate) for cell in measured if cell.estimate]
    if estimates and run.model is not None:
        layers = "{} blocks and {} layers".format(*run.model.full_layers)
        output.text(f"Estimate, not measured, for {layers}, linear from {run.model.name}:")
        budgets = [f"{cell.budget:,}" for cell in measured if cell.estimate]
        rows = [(budget, *row) for budget, row in zip(budgets, estimates, strict=True)]
        output.table([("budget", "right"), *_HEADINGS], rows)


def _medians(cell: Cell) -> dict[str, float]:
    return {stage: median(values) for stage, values in cell.stages.items()}


def _stages_row(cell: Cell, seconds: Mapping[str, float]) -> tuple[str, ...]:
    times = [f"{seconds[stage]:.3g}" if stage in seconds else "-" for stage in _COLUMNS]
    return (cell.side, str(cell.question), *times)


def print_growth(growths: Sequence[Growth]) -> None:
    """Print the ratio of two budgets by stage, and the stage that makes most of it."""
    from mlx_saccade.bench.growth import PUBLISHED

    if not growths:
        return
    first = growths[0]
    rows = [
        (
            one.side,
            *(f"{one.ratios[stage]:.2f}" if stage in one.ratios else "-" for stage in _COLUMNS),
            f"{one.largest}, {one.shares[one.largest]:.0%}",
        )
        for one in growths
    ]
    estimated = ", by estimate at all layers" if first.estimated else ""
    output.text(f"times at {first.large:,} tokens divided by those at {first.small:,}{estimated}:")
    output.table([("side", "left"), *_TIMES, ("most of the difference", "left")], rows)
    if (first.small, first.large) == (1280, 16384):
        output.text(f"published for Qwen2.5-VL-7B, 4-bit, on Apple Silicon: {PUBLISHED} (9.7 and 62 s)")


def print_changes(changes: Sequence[Change]) -> None:
    """Print the ratio of each stage, and what is lost or won."""
    names = ("side", "budget", "stage", "before", "after", "ratio", "95 %", "noise", "verdict")
    rows = [
        (
            one.side,
            f"{one.budget:,}",
            one.stage if one.question == 1 else f"{one.stage}, 2nd",
            f"{one.before:.3g}",
            f"{one.after:.3g}",
            f"{one.ratio:.2f}",
            "-" if one.low is None else f"{one.low:.2f}-{one.high:.2f}",
            f"{one.noise:.0%}",
            "slower" if one.lost else "faster" if one.won else "equal",
        )
        for one in changes
    ]
    sides = ("left", "right", "left", "right", "right", "right", "right", "right", "left")
    output.table(list(zip(names, sides, strict=True)), rows)
    peers = sorted({one.peer for one in changes if one.peer})
    if peers:
        output.text(f"ratios are of times divided by {' and '.join(peers)} in the same round")


def print_checks(checks: Sequence[Check]) -> None:
    """Print each check of exactness in a line."""
    output.facts([(f"{one.kernel}: {one.name}", "equal" if one.passed else one.detail) for one in checks])
