"""Numbers, budgets and runs in words, as the actions of `mlx-saccade sweep` print them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from mlx_saccade.cli import output
from mlx_saccade.cli.table import NBSP

if TYPE_CHECKING:
    from mlx_saccade.evals.rows import Budget

__all__ = [
    "REGIMES", "budget", "facts_of", "interval", "number", "percent", "print_legend", "right", "signed",
    "signed_interval",
]  # fmt: skip

REGIMES: Final = "target: share of the frame; large over 5 %, medium 1 to 5 %, small 0.1 to 1 %, tiny below"


def budget(value: Budget) -> str:
    """Return a budget, its thousands apart."""
    return f"{value:,}" if isinstance(value, int) else value


def number(value: float | None, digits: int = 3) -> str:
    """Return a number; a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def percent(share: float) -> str:
    """Return a share from 0 to 1 in percent."""
    return f"{100 * share:.0f}{NBSP}%"


def interval(low: float | None, high: float | None) -> str:
    """Return an interval; a dash where there is none."""
    return "-" if low is None or high is None else f"{low:.3f}-{high:.3f}"


def signed(value: float | None) -> str:
    """Return a difference with its sign; a dash where there is none."""
    return "-" if value is None else f"{value:+.3f}"


def signed_interval(low: float | None, high: float | None) -> str:
    """Return the interval of a difference; a dash where there is none."""
    return "-" if low is None or high is None else f"{low:+.3f}{NBSP}to{NBSP}{high:+.3f}"


def facts_of(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a run is about, as `evals.report.about` gives it, in pairs of name and value."""
    yield "run", str(run["path"])
    yield "created", str(run["created"])
    for name in ("data", "runtime"):
        yield name, str(run[name]["name"])
    for note in run["notes"]:
        yield "note", str(note)


def right(*names: str) -> list[tuple[str, str]]:
    """Return columns of numbers, as `output.table` takes them."""
    return [(name, "right") for name in names]


def print_legend(lines: Iterable[str], notes: Sequence[str] = ()) -> None:
    """Print what the columns of a table mean, and notes on its rows, and an empty line."""
    for line in (*lines, *notes):
        output.text(line, hang="  ")
    print()
