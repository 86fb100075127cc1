"""Writes what SciPy makes of small samples to `run_statistics.json`: t quantiles, exact tests, bootstrap ends.

    python tests/golden/run_statistics.py          # needs SciPy; the suite does not

Pinned: scipy==1.17.1. The bootstrap is SciPy's percentile interval with 100,000 draws of whole screens, at the level to
which the expanded interval of `mlx_saccade.evals` moves it; ours has 2,000 draws, so its ends differ by chance.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from scipy import stats

HERE = Path(__file__).resolve().parent
FREEDOMS = (1, 2, 3, 9, 10, 19, 41, 100, 1399)
SPLITS = ((0, 0), (0, 1), (1, 0), (0, 6), (3, 3), (2, 9), (11, 4), (40, 61), (500, 560), (3, 1200), (1000, 1150))
AGREEING = (10, 11, 40, 500)


def samples() -> dict[str, list[tuple[int, float, float]]]:
    """(screen, first, second) of targets, by name: figures of two sides from 0 to 1."""
    random = np.random.RandomState(7)
    made = {}
    for name, screens in (("ten", 10), ("forty", 40), ("two hundred", 200)):
        rows = []
        for screen in range(screens):
            ease = random.beta(2, 2)
            for _ in range(random.randint(1, 9)):
                first, second = (
                    float(np.round(np.clip(ease + random.normal(0, 0.2) + gain, 0, 1), 3)) for gain in (0, 0.05)
                )
                rows.append((screen, first, second))
        made[name] = rows
    return made


def ends(rows: list[tuple[int, float, float]], figure: Any) -> list[float]:
    """The percentile interval of the mean of a figure over whole screens."""
    screens = sorted({screen for screen, _, _ in rows})
    totals = np.array([sum(figure(row) for row in rows if row[0] == screen) for screen in screens])
    counts = np.array([sum(row[0] == screen for row in rows) for screen in screens], float)
    count = len(screens)
    tail = stats.norm.cdf(-math.sqrt(count / (count - 1)) * stats.t.ppf(0.975, count - 1))
    result = stats.bootstrap(
        (totals, counts), lambda total, number, axis: total.sum(axis=axis) / number.sum(axis=axis), paired=True,
        vectorized=True, n_resamples=100_000, batch=2000, confidence_level=1 - 2 * tail, method="percentile",
        rng=np.random.default_rng(0),
    )  # fmt: skip
    return [round(float(end), 5) for end in result.confidence_interval]


def table() -> dict[str, Any]:
    """What SciPy gives."""
    return {
        "about": f"scipy {scipy.__version__}, tests/golden/run_statistics.py",
        "t_quantiles": [[freedom, float(stats.t.ppf(0.975, freedom))] for freedom in FREEDOMS],
        "mcnemar": [
            [first, second, float(stats.binomtest(first, first + second).pvalue) if first + second else 1.0]
            for first, second in SPLITS
        ],
        "agreeing": [
            [count, float(stats.binomtest(count, count).proportion_ci(method="exact").low)] for count in AGREEING
        ],
        "bootstrap": {
            name: {
                "rows": rows,
                "first": ends(rows, lambda row: row[1]),
                "difference": ends(rows, lambda row: row[2] - row[1]),
            }
            for name, rows in samples().items()
        },
    }  # fmt: skip


def main() -> None:
    """Write the file."""
    text = json.dumps(table(), separators=(", ", ": "))
    for name in ("t_quantiles", "mcnemar", "agreeing", "bootstrap"):
        text = text.replace(f'"{name}"', f'\n"{name}"')
    (HERE / "run_statistics.json").write_text(text.replace('"rows"', '\n"rows"') + "\n")


if __name__ == "__main__":
    main()
