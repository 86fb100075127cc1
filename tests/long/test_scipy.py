"""SciPy, if it is installed, still gives the figures of tests/golden/run_statistics.json."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

pytest.importorskip("scipy", reason="NOT RUN: SciPy is not installed")
GOLDEN = Path(__file__).parents[1] / "golden"


def test_scipy_gives_the_recorded_figures() -> None:
    spec = importlib.util.spec_from_file_location("golden_statistics", GOLDEN / "run_statistics.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = json.loads(json.dumps(script.table()))
    recorded = json.loads((GOLDEN / "run_statistics.json").read_text(encoding="utf-8"))
    for name in ("t_quantiles", "mcnemar", "agreeing"):
        for own, other in zip(made[name], recorded[name], strict=True):
            assert own == pytest.approx(other, rel=1e-9, abs=1e-300), name
    for name, sample in recorded["bootstrap"].items():
        for figure in ("first", "difference"):
            width = sample[figure][1] - sample[figure][0]
            assert made["bootstrap"][name][figure] == pytest.approx(sample[figure], abs=0.01 * width)
