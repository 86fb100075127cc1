"""The benchmark of the engine times only the stages, in the right order, and warns where parts exceed the whole."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

STAGES = ("vision", "prefill", "decode", "end to end")


@pytest.fixture(scope="module")
def benchmark_file() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "test_engine.py"
    spec = importlib.util.spec_from_file_location("engine_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_round_runs_all_stages_of_each_side(benchmark_file: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    durations = iter([3.0, 8.0, 7.0, 1.0, 9.0, 6.0])
    now = iter([0.0, 5.0, 20.0])
    ran: list[tuple[str, str]] = []

    def seconds(stage: str, side: str, *_: Any) -> float:
        ran.append((side, stage))
        return next(durations)

    monkeypatch.setattr(benchmark_file, "seconds", seconds)
    monkeypatch.setattr(benchmark_file, "time", SimpleNamespace(perf_counter=lambda: next(now)))
    sides = [("ours", ("vision", "end to end")), ("theirs", ("vision",))]
    best = benchmark_file.fastest(sides, None, None, 10.0)
    assert ran == [("ours", "vision"), ("ours", "end to end"), ("theirs", "vision")] * 2
    assert best == [{"vision": 1.0, "end to end": 8.0}, {"vision": 6.0}]


@pytest.mark.parametrize(
    ("times", "warning"),
    [
        ((0.496, 0.0689, 0.410), "WARNING: vision + prefill of saccade are 38 % above its end to end"),
        ((3.11, 0.558, 3.23), "14 %"),
        ((0.5, 0.55, 1.0), ""),
        ((0.1, 0.1, 1.0), ""),
    ],
)
def test_parts_above_the_whole_are_told(
    benchmark_file: ModuleType, times: tuple[float, float, float], warning: str
) -> None:
    message = benchmark_file.doubt("saccade", dict(zip(("vision", "prefill", "end to end"), times, strict=True)))
    assert warning in message
    assert bool(message) == bool(warning)


def test_without_all_three_there_is_nothing_to_compare(benchmark_file: ModuleType) -> None:
    assert benchmark_file.doubt("saccade", {"vision": 9.0, "end to end": 1.0}) == ""


@pytest.mark.parametrize("stage", STAGES)
def test_only_the_stage_itself_is_timed(benchmark_file: ModuleType, stage: str) -> None:
    steps: list[str] = []

    class Side:
        def vision(self, _: Any) -> list[Any]:
            steps.append("vision")
            return []

        def prefill(self, *_: Any) -> list[Any]:
            steps.append("prefill")
            return []

        def stream(self, _: Any, features: Any) -> Any:
            steps.append("prefill" if features else "vision and prefill")
            for _ in range(benchmark_file.DECODED_TOKENS + 1):
                steps.append("token")
                yield 0

    work = benchmark_file.prepare_stage(stage, Side(), None, "features")
    before = list(steps)
    work()
    assert before == (["prefill", "token"] if stage == "decode" else [])
    timed = steps[len(before) :]
    tokens = {"decode": benchmark_file.DECODED_TOKENS, "end to end": benchmark_file.DECODED_TOKENS + 1}.get(stage, 0)
    assert timed.count("token") == tokens
    assert [step for step in timed if step != "token"] == {"decode": [], "end to end": ["vision and prefill"]}.get(
        stage, [stage]
    )
