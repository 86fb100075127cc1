"""`mlx-saccade bench`: profiles, the history, comparisons and what is sent in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlx_saccade.bench import exactness, history
from mlx_saccade.cli.__main__ import main
from mlx_saccade.cli.commands import bench

PROFILE = ["bench", "profile", "448x336", "--sides", "saccade", "--answer-tokens", "2"]


def printed(capsys: pytest.CaptureFixture[str], words: list[str], code: int = 0) -> Any:
    assert main([*words, "--json"]) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_a_profile_is_measured_recorded_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = printed(capsys, [*PROFILE, "--budgets", "64,16", "--rounds", "2", "--out", "p.jsonl"])
    assert [cell["budget"] for cell in run["cells"]] == [16, 16, 64, 64]
    assert all(len(samples) == 2 for cell in run["cells"] for samples in cell["stages"].values())
    assert all(0 < cell["peak_bytes"] <= 1.05 * cell["predicted_bytes"] for cell in run["cells"])
    files = [printed(capsys, ["bench", "record", "p.jsonl", "--history", "h"])["file"] for _ in range(2)]
    assert len(set(files)) == 2
    runs, problems = history.read_folder("h")
    assert problems == []
    assert runs[0] == runs[1]
    assert json.loads(history.dumps(runs[0]))["cells"] == run["cells"]
    changes = printed(capsys, ["bench", "compare", *files])["changes"]
    assert {change["ratio"] for change in changes} == {1.0}


def test_an_unfinished_profile_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    log = Path("p.jsonl")
    assert main([*PROFILE, "--budgets", "16,64", "--rounds", "1", "--out", str(log)]) == 0
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    capsys.readouterr()
    assert main(["bench", "record", "p.jsonl", "--history", "h"]) == 2
    assert "lacks 2 of 4 cells" in capsys.readouterr().err
    assert not Path("h").exists()


def test_a_side_that_is_not_there_is_named_and_the_rest_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*PROFILE[:3], "--answer-tokens", "2", "--budgets", "16", "--rounds", "1", "--memory-limit", "30MB"]
    monkeypatch.setattr("mlx_saccade.bench.side_process.importlib.util.find_spec", lambda name: None)
    assert main([*words, "--sides", "saccade,mlx-vlm"]) == 0
    output = capsys.readouterr()
    assert "not measured: mlx-vlm, 16 tokens: mlx-vlm is not installed; pip install mlx-vlm" in output.out
    assert "saccade" in output.out


def test_a_slower_run_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = json.loads((Path(__file__).parents[1] / "bench" / "example_run.json").read_bytes())
    paths = [str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    for path, seconds in zip(paths, (1.0, 2.0), strict=True):
        example["cells"][0]["stages"] = {"whole": [seconds, seconds * 1.01]}
        Path(path).write_text(json.dumps(example))
    assert main(["bench", "compare", *paths]) == 1
    assert "1 of 1 stages are slower" in capsys.readouterr().out
    assert main(["bench", "compare", *reversed(paths)]) == 0
    assert "faster" in capsys.readouterr().out


def test_preprocessing_is_written_as_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.json"
    assert main(["bench", "preprocess", "320x240", "--budgets", "16,64", "--rounds", "2", "--out", str(path)]) == 0
    run = history.read(path)
    assert [(cell.side, cell.budget) for cell in run.cells] == [
        (side, budget) for budget in (16, 64) for side in ("saccade", "pillow", "scalar")
    ]
    assert all(len(cell.stages["patchify"]) == 2 for cell in run.cells)


def test_an_option_of_another_action_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "preprocess", "64x64", "--budgets", "16", "--synthetic", "3b"]) == 0
    assert "bench preprocess does not read --synthetic" in capsys.readouterr().err


def test_what_is_sent_in_holds_checks_and_a_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(exactness, "CASES", exactness.CASES[3:4])
    monkeypatch.setattr(exactness, "DIGESTS", exactness.DIGESTS[3:4])
    monkeypatch.setattr(exactness, "TORCHVISION_DIGESTS", exactness.TORCHVISION_DIGESTS[3:4])
    out = tmp_path / "machine.json"
    words = ["bench", "send-in", "--budgets", "16", "--rounds", "1", "--sides", "saccade", "--out", str(out)]
    assert main(words) == 0
    run = history.read(out)
    assert run.kind == "send-in"
    assert run.checks
    assert all(check.passed for check in run.checks)
    assert [cell.budget for cell in run.cells] == [16, 16]
    text = out.read_text()
    assert str(tmp_path) not in text
    assert str(Path.home()) not in text
    monkeypatch.setattr(exactness, "DIGESTS", ("0" * 16,))
    monkeypatch.setattr(bench, "measure_profile", lambda *words: (run, []))
    assert main([*words, "--quiet"]) == 1
