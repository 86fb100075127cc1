"""The comparison of runs: it finds a slowdown, and stays quiet on equal runs."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mlx_saccade import _core
from mlx_saccade.bench import preprocess
from mlx_saccade.bench.compare import compare
from mlx_saccade.bench.run import Cell, Machine, Model, Run
from mlx_saccade.errors import InputError

MACHINE = Machine("a CPU", 2, 0, "Linux 6", "x86_64")


def run_with(cells: list[Cell]) -> Run:
    return Run("profile", "2026-11-29T16:50:00Z", "", MACHINE, {}, tuple(cells))


def noisy_run(seed: int, slower: float = 1.0, rounds: int = 30, *, peer: bool = True) -> Run:
    """Return a run as a shared machine gives it: calls are delayed now and then, and a whole run may be slow."""
    random = np.random.RandomState(seed)
    weather = random.choice([1.0, 1.0, 1.7]) if peer else 1.0

    def samples(seconds: float) -> tuple[float, ...]:
        delays = np.where(random.rand(rounds) < 0.3, random.exponential(1.0, rounds), 0.0)
        return tuple(weather * seconds * (1 + 0.03 * np.abs(random.standard_normal(rounds)) + delays))

    cells = [Cell("saccade", budget, stages={"patchify": samples(slower * 1e-6 * budget)}) for budget in (256, 1280)]
    if peer:
        cells += [Cell("pillow", budget, stages={"patchify": samples(2e-5 * budget)}) for budget in (256, 1280)]
    return run_with(cells)


@pytest.mark.parametrize("peer", [True, False])
@pytest.mark.parametrize("pair", range(10))
def test_equal_runs_are_quiet(pair: int, peer: bool) -> None:
    changes = compare(noisy_run(2 * pair, peer=peer), noisy_run(2 * pair + 1, peer=peer))
    assert len(changes) == 2
    assert not any(change.lost or change.won for change in changes)
    assert {change.peer for change in changes} == {"pillow" if peer else ""}


@pytest.mark.parametrize("peer", [True, False])
@pytest.mark.parametrize("pair", range(10))
def test_a_slowdown_is_found(pair: int, peer: bool) -> None:
    slow = noisy_run(2 * pair + 1, 1.5, peer=peer)
    changes = compare(noisy_run(2 * pair, peer=peer), slow)
    assert any(change.lost for change in changes)
    assert not any(change.won for change in changes)
    assert any(change.won for change in compare(slow, noisy_run(2 * pair, peer=peer)))


def test_a_real_run_of_preprocessing_is_compared_with_a_slower_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slowdown is ten times, since the machine of a test may do much else."""
    from mlx_saccade.preprocess import patchify

    pixels = np.random.RandomState(0).randint(0, 256, (480, 640, 3), dtype=np.uint8)
    original = patchify.patchify

    def slow(*words: Any, **options: Any) -> Any:
        start = time.perf_counter()
        patches = original(*words, **options)
        end = time.perf_counter() + 9 * (time.perf_counter() - start)
        while time.perf_counter() < end:
            pass
        return patches

    _core.limit_threads(1)
    try:
        before = preprocess.run_of(preprocess.compare(pixels, (64,), 40))
        monkeypatch.setattr(patchify, "patchify", slow)
        after = preprocess.run_of(preprocess.compare(pixels, (64,), 40))
    finally:
        _core.limit_threads(0)
    (change,) = compare(before, after)
    assert change.peer == "pillow"
    assert change.ratio > 2


def test_one_round_has_no_interval_and_no_verdict() -> None:
    cells = [Cell("saccade", 64, stages={"whole": (1.0,)})]
    (change,) = compare(run_with(cells), run_with([replace(cells[0], stages={"whole": (9.0,)})]))
    assert (change.ratio, change.low, change.lost) == (9.0, None, False)


def test_stages_that_one_run_lacks_are_left_out() -> None:
    both = {"whole": (1.0, 1.0), "vision": (0.0, 0.0)}
    (change,) = compare(
        run_with([Cell("saccade", 64, stages={**both, "decode": (1.0, 1.0)}), Cell("saccade", 256, stages=both)]),
        run_with([Cell("saccade", 64, stages=both)]),
    )
    assert change.stage == "whole"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"machine": replace(MACHINE, cpu="another")}, "machine"),
        ({"machine": replace(MACHINE, device="gpu")}, "device"),
        ({"model": Model("packaged")}, "model"),
        ({"cells": ()}, "stage in common"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(change: dict[str, Any], word: str) -> None:
    cells = [Cell("saccade", 64, stages={"whole": (1.0, 1.0)})]
    with pytest.raises(InputError, match=word):
        compare(run_with(cells), replace(run_with(cells), **change))
