"""Time generated screens: 4K with its PNG, as `mlx-saccade scenes` writes it, and the sizes of training.

python -m pytest benchmarks/test_screens.py
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from mlx_saccade import scenes
from mlx_saccade.evals.screenspot import Job


def test_4k_to_png(benchmark: Any, tmp_path: Path) -> None:
    seeds = itertools.count()
    job = Job(tmp_path, (3840, 2160), False)
    benchmark.pedantic(lambda: job.draw(next(seeds)), rounds=20)
    assert job.kept(0)


@pytest.mark.parametrize(("size", "smallest"), [((448, 336), 8), ((1176, 672), 28), ((1792, 1008), 28)])
def test_training_sizes(benchmark: Any, size: tuple[int, int], smallest: int) -> None:
    seeds = itertools.count()
    scene = benchmark.pedantic(lambda: scenes.generate(next(seeds), size, smallest=smallest), rounds=40)
    assert scene.size == size
