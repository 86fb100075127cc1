"""Time the report of a run as large as ScreenSpot-Pro: 1,581 targets, four budgets, three policies.

    python -m pytest benchmarks/test_sweep_reports.py

The target is 3 s for reading and reporting together.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from mlx_saccade import evals
from mlx_saccade.evals.compare import compare
from mlx_saccade.evals.export import export
from mlx_saccade.evals.report import about, report
from mlx_saccade.evals.rows import Reply, Row
from mlx_saccade.evals.run_folder import ROWS, encoded
from mlx_saccade.evals.targets import Target

TARGETS, SCREENS, APPLICATIONS = 1581, 1400, 26
BUDGETS, POLICIES = (256, 1280, 4096, 16384), ("flat", "zoom:share=0.4", "search")
SIDES = (1300.0, 400.0, 160.0, 60.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> evals.Run:
    """Return a run whose answers are off by chance; one in twenty failed."""
    rng = random.Random(0)
    rows = []
    for number in range(TARGETS):
        side = rng.choice(SIDES)
        x, y = rng.uniform(0, 3840 - side), rng.uniform(0, 2160 - side)
        target = Target(
            f"t{number}", f"{number % SCREENS}.png", "the thing", ((x, y, x + side, y + side),), (3840, 2160),
            rng.choice(["text", "icon"]), f"application {number % APPLICATIONS}",
        )  # fmt: skip
        for policy in POLICIES:
            for budget in BUDGETS:
                off = rng.gauss(0, side / 3)
                reply = Reply(
                    boxes=((x + off, y, x + off + 1.2 * side, y + side),), click=(x + off, y), text="[{}]",
                    image_sent_size=(1316, 728), tokens=budget, prompt_tokens=budget + 30, answer_tokens=30,
                    seconds={"decode": 0.1, "vision": budget / 1000, "answer": 0.3}, peak_bytes=10**9,
                )  # fmt: skip
                rows.append(Row(target, "i", budget, policy, reply if rng.random() < 0.95 else Reply(error="no")))
    folder = tmp_path_factory.mktemp("run") / "run"
    with evals.RunFolder(folder, evals.Subject("made", {}), evals.Subject("nobody", {})) as writer:
        writer.add(rows[0])
    (folder / ROWS).write_bytes(b"".join(map(encoded, rows)))
    return evals.read_run(folder)


def test_read(benchmark: Any, run: evals.Run) -> None:
    assert len(benchmark.pedantic(lambda: evals.read_run(run.path), rounds=5).rows) == len(run.rows)


def test_report(benchmark: Any, run: evals.Run) -> None:
    made = benchmark.pedantic(lambda: report(run.rows, about(run), with_published=True), rounds=5)
    assert made.rows == TARGETS * len(BUDGETS) * len(POLICIES)


def test_compare(benchmark: Any, run: evals.Run) -> None:
    made = benchmark.pedantic(lambda: compare(run.rows, run.rows, {}, {}), rounds=5)
    assert made.common == TARGETS


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_export(benchmark: Any, suffix: str, run: evals.Run, tmp_path: Path) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    benchmark.pedantic(lambda: export(run.rows, tmp_path / f"rows.{suffix}"), rounds=3)
