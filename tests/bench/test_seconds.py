"""Seconds read off a profile: between its points, at them, and none beyond."""

from __future__ import annotations

import pytest

from mlx_saccade.bench.run import Cell, Machine, Run
from mlx_saccade.bench.seconds import Seconds, seconds_at

MACHINE = Machine("cpu", 2, 0, "Linux", "x86_64")


def profile(*cells: Cell) -> Run:
    return Run("profile", "2026-11-29T00:00:00Z", "", MACHINE, {}, cells)


def cell(tokens: int, *whole: float, question: int = 1, side: str = "saccade", **more: object) -> Cell:
    return Cell(side, tokens, question, {"whole": whole} if whole else {}, tokens, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tokens", "seconds"), [(64, 1.0), (160, 2.0), (256, 3.0), (1024, 9.0), (640, 6.0), (63, None), (1025, None)]
)
def test_between_points(tokens: int, seconds: float | None) -> None:
    run = profile(
        cell(256, 3.5, 3.0),
        cell(64, 1.0, 1.2),
        cell(1024, 9.0),
        cell(64, 0.1, question=2),
        cell(300, 0.1, side="mlx-vlm"),
    )
    assert seconds_at(run, tokens) == Seconds(None if seconds is None else pytest.approx(seconds), (64, 1024))


def test_estimate_of_all_layers() -> None:
    assert seconds_at(profile(cell(64, 1.0, estimate={"whole": 8.0})), 64) == Seconds(8.0, (64, 64), estimated=True)


def test_nothing_measured() -> None:
    assert seconds_at(profile(cell(64)), 64) == Seconds(None, None)
    assert seconds_at(profile(), 64, "mlx-vlm") == Seconds(None, None)
