"""The forecast of a sweep, and `mlx-saccade sweep --dry-run`: counts, tokens and time, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from document_schema import checked
from sweep_stand_ins import Data, Runtime

import mlx_saccade as saccade
from mlx_saccade import evals
from mlx_saccade.cli.__main__ import main
from mlx_saccade.evals.forecast import forecast
from mlx_saccade.evals.sweep import answer


class Timed(Runtime):
    """Answers that take a hundredth of a second for each 64 tokens."""

    def ask(self, image: Any, target: evals.Target, budget: Any, policy: str) -> evals.Reply:
        super().ask(image, target, budget, policy)
        if target.id in self.failing:
            return evals.Reply(error="the server said 500")
        return evals.Reply(seconds={"vision": budget / 6400, "answer": 0.0})


def test_forecast_counts_and_tries_one_question_of_each_kind() -> None:
    data = Data(6)
    runtime = Timed(data)
    result = forecast(data, runtime, evals.questions_of(data, (64, 256), ("flat", "zoom")))
    assert [(cell.policy, cell.budget, cell.questions, cell.missing, cell.tokens) for cell in result.cells] == [
        ("flat", 64, 6, 6, 378), ("flat", 256, 6, 6, 1530), ("zoom", 64, 6, 6, 378), ("zoom", 256, 6, 6, 1530)
    ]  # fmt: skip
    assert [cell.seconds for cell in result.cells] == [0.01, 0.04, 0.01, 0.04]
    assert (result.missing, result.tokens, result.problems) == (24, 3816, ())
    assert result.seconds == pytest.approx(0.6)
    assert len(runtime.questions) == 5  # and one to warm up


def test_forecast_goes_by_the_answers_of_the_run() -> None:
    data = Data(6)
    questions = evals.questions_of(data, (64,), ("flat",))
    rows = [answer(data, Timed(data), question) for question in questions[:4]]
    runtime = Timed(data)
    result = forecast(data, runtime, questions, rows)
    assert (result.cells[0].missing, result.cells[0].is_trial, runtime.questions) == (2, False, [])
    assert result.seconds == pytest.approx(0.02)
    done = forecast(data, runtime, questions[:4], rows)
    assert (done.missing, done.seconds, runtime.checked) == (0, 0, [(64, "flat")])


def test_forecast_says_what_a_trial_failed_with() -> None:
    data = Data(2)
    result = forecast(data, Timed(data, failing=("t0",)), evals.questions_of(data, (64,), ("flat",)))
    assert (result.seconds, result.problems) == (None, ("flat, 64: the server said 500",))


def test_dry_run_writes_nothing_and_goes_by_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    words = ["sweep", "--size", "448x336", "--budgets", "16,64", "--out", str(out)]
    assert main([*words, "--n", "3", "--dry-run", "--json"]) == 0
    first = checked(capsys.readouterr().out, "sweep-forecast-1.json")
    assert not out.exists()
    assert (first["questions"], first["missing"], first["problems"]) == (6, 6, [])
    assert [cell["tokens"] for cell in first["cells"]] == [
        3 * saccade.plan((448, 336), budget=budget).tokens for budget in (16, 64)
    ]
    assert first["seconds"] > 0 and first["data"][0] == "scenes: 3 targets on 1 screen"
    assert main([*words, "--n", "2", "--json"]) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    capsys.readouterr()
    assert main([*words, "--n", "3", "--dry-run"]) == 0
    assert "2 questions to ask, of 6; nothing was written" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert main([*words, "--n", "3", "--dry-run", "--seed", "1", "--size", "640x400"]) == 2
    assert "data: size: expected [448, 336]; got [640, 400]" in capsys.readouterr().err
