"""The recorded runs: all can be read, and the guide's table is theirs."""

from __future__ import annotations

from pathlib import Path

from mlx_saccade.bench import history
from mlx_saccade.bench.growth import PUBLISHED, growth

ROOT = Path(__file__).parents[2]
HEADING = "### Which stage makes a large budget slow"
COLUMNS = ("preparation", "vision", "prefill", "tokens", "whole")


def test_all_recorded_runs_are_read() -> None:
    runs, problems = history.read_folder(ROOT / "benchmarks" / "history")
    assert runs
    assert problems == []


def test_the_table_of_the_guide_is_of_recorded_runs() -> None:
    runs, _ = history.read_folder(ROOT / "benchmarks" / "history")
    recorded = set()
    for run in runs:
        budgets = sorted({cell.budget for cell in run.cells})
        pairs = [(small, large) for small in budgets for large in budgets if small < large]
        for one in [each for pair in pairs for each in growth(run, *pair)]:
            assert run.model is not None
            ratios = [f"{one.ratios[stage]:.2f}" for stage in COLUMNS]
            most = f"{one.largest}, {one.shares[one.largest]:.0%}"
            recorded.add((run.model.name, one.side, f"{one.large:,} : {one.small:,}", *ratios, most))
    text = (ROOT / "docs" / "guides" / "measuring.md").read_text(encoding="utf-8").partition(HEADING)[2]
    lines = text.partition("\n- ")[0].strip().splitlines()
    published, *rows = [tuple(cell.strip() for cell in line[1:-1].split("|")) for line in lines if line[:1] == "|"][2:]
    assert published[-2] == str(PUBLISHED)
    assert rows
    assert set(rows) <= recorded
