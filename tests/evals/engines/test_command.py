"""`mlx-saccade sweep --engine`: a run over a server, with its errors and its own budget."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evals_server as server
import pytest

import mlx_saccade as saccade
from mlx_saccade import evals
from mlx_saccade.cli.__main__ import main

SIZE = ["--size", "448x336", "--n", "2"]
BOX = '[{"bbox_2d": [0, 0, 112, 84]}]'


def sweep(url: str, folder: Path, *words: str) -> int:
    return main(["sweep", "--engine", f"openai:{url}", "--out", str(folder), *SIZE, *words])


def test_sweep_asks_a_server_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    with server.serving(server.says(BOX)) as script:
        assert sweep(script.url, folder, "--budgets", "16,64", "--json") == 0
        assert script.posts == 4
        facts = json.loads(capsys.readouterr().out)
        assert (facts["questions"], facts["errors"]) == (4, 0)
        assert sweep(script.url, folder, "--budgets", "16,64,100") == 0
        assert script.posts == 6
    with server.serving(server.says(BOX)) as elsewhere:  # the address is not part of the answers
        assert sweep(elsewhere.url, folder, "--budgets", "16,64,100") == 0
        assert elsewhere.posts == 0
    rows = evals.read_run(folder).rows
    assert sorted(int(row.budget) for row in rows) == [16, 16, 64, 64, 100, 100]
    assert all(row.reply.seconds.keys() == {"request"} for row in rows)


def test_other_model_of_a_server_is_another_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, code in (("qwen2.5-vl-3b", 0), ("qwen2.5-vl-7b", 2)):
        with server.serving(server.says(BOX), models=(name,)) as script:
            assert sweep(script.url, tmp_path / "run", "--budgets", "16") == code
    assert "qwen2.5-vl-7b" in capsys.readouterr().err


def test_image_is_sent_whole_under_the_servers_budget(tmp_path: Path) -> None:
    with server.serving(server.says(BOX), models=("qwen3-vl-4b",)) as script:
        assert sweep(script.url, tmp_path / "whole", "--server-budget") == 0
        assert [image.shape for image in script.images()] == [(336, 448, 3)] * 2
        assert sweep(script.url, tmp_path / "both", "--budgets", "64", "--server-budget") == 0
    assert {row.budget for row in evals.read_run(tmp_path / "whole").rows} == {"server"}
    assert {row.budget for row in evals.read_run(tmp_path / "both").rows} == {64, "server"}


def test_dry_run_counts_tokens_and_tries_one_question_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with server.serving(server.says(BOX)) as script:
        assert sweep(script.url, tmp_path / "run", "--budgets", "16,64", "--dry-run", "--json") == 0
        assert 2 <= script.posts < 4  # one trial each, not each question
        facts = json.loads(capsys.readouterr().out)
        plans = [saccade.plan((448, 336), budget=budget).tokens for budget in (16, 64)]
        assert [cell["tokens"] for cell in facts["cells"]] == [2 * tokens for tokens in plans]
        assert facts["problems"] == []
        options = ["--server-budget", "--server-runtime", "llama.cpp", "--dry-run", "--json"]
        assert sweep(script.url, tmp_path / "run", *options) == 0
        assert json.loads(capsys.readouterr().out)["cells"][0]["tokens"] == 2 * 192
    with server.serving(server.says(BOX), models=("qwen3-vl-4b",)) as script:
        assert sweep(script.url, tmp_path / "run", "--server-budget", "--dry-run", "--json") == 0
        assert json.loads(capsys.readouterr().out)["cells"][0]["tokens"] is None
    assert not (tmp_path / "run").exists()


def test_workers_ask_a_server_under_its_own_name_for_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qwen2.5-vl").mkdir()  # a folder of the same name is not the server's
    words = ("--budgets", "16,64", "--model", "qwen2.5-vl", "--workers", "1")
    with server.serving(server.says(BOX)) as script:
        assert sweep(script.url, tmp_path / "run", *words) == 0
        assert script.posts == 4 and {body["model"] for body in script.bodies} == {"qwen2.5-vl"}
    assert "workers ask the server at the same time" in " ".join(capsys.readouterr().err.split())


def test_questions_that_fail_are_rows_and_asked_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with server.serving(server.sends({"detail": "no memory"}, 400), server.says(BOX)) as script:
        assert sweep(script.url, tmp_path / "run", "--budgets", "16") == 2
        assert "1 question failed, the first with: " in " ".join(capsys.readouterr().err.split())
        assert sweep(script.url, tmp_path / "run", "--budgets", "16") == 0
        assert script.posts == 3
    assert all(row.reply.error is None for row in evals.read_run(tmp_path / "run").rows)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "nothing"], "engine: expected one of saccade"),
        (["--engine", "openai:localhost:1"], "Write 'http://localhost:1'"),
        (["--server-budget"], "--server-budget: expected --engine openai:URL"),
        (["--retries", "5"], "no options of a server"),
        (["--family", "qwen3-vl"], "family: expected none for saccade"),
        (["--engine", "openai:http://x", "--request-fields", "{"], "request fields: expected a JSON object"),
        (["--engine", "openai:http://x", "--timeout", "0"], "timeout: expected seconds"),
        (["--engine", "mlx-vlm", "--memory-limit", "8GB"], "memory_limit: expected none"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[Any]
) -> None:
    assert main(["sweep", "--out", str(tmp_path / "run"), *words]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert message in error and "Traceback" not in error
    assert not (tmp_path / "run").exists()
