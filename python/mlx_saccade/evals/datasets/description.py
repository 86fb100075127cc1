"""Describe a data set in a few lines, for `--dry-run` and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mlx_saccade.errors import quantity
from mlx_saccade.evals.metrics import BINS
from mlx_saccade.evals.targets import DataSet
from mlx_saccade.media.sources import short

__all__ = ["describe"]

_MOST = 30


def describe(data: DataSet) -> list[str]:
    """Return lines of text: how many targets and screens, by size, type, group and application, and the notes."""
    targets = data.targets
    screens = len({target.image for target in targets})
    regimes = Counter(target.regime for target in targets)
    lines = [
        f"{data.name}: {quantity(len(targets), 'target')} on {quantity(screens, 'screen')}",
        f"by size: {_counts((size, regimes[size]) for size in BINS)}",
    ]
    for title in ("ui_type", "group", "application"):
        counts = Counter(getattr(target, title) for target in targets)
        if set(counts) != {""}:
            lines.append(f"by {title.replace('ui_type', 'type')}: {_most_common(counts)}")
    return lines + list(data.notes)


def _most_common(counts: Counter[str]) -> str:
    text = _counts((short(name) or "not stated", count) for name, count in counts.most_common(_MOST))
    return text if len(counts) <= _MOST else f"{text}, and {len(counts) - _MOST} more"


def _counts(items: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in items)
