"""The run log of an evaluation: it resumes, refuses other answers, and is not written without an answer."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mlx_saccade.checkpoint import hub
from mlx_saccade.cli.__main__ import main
from mlx_saccade.errors import InputError
from mlx_saccade.evals import tiny
from mlx_saccade.evals.tiny.evaluate import FIELDS, KIND, Unit
from mlx_saccade.evals.tiny.questions import SEEDS
from mlx_saccade.scenes import VERSION

LAW = {"asked": "law", "share": 0.1, "iou": 1.0, "hit": True, "found": True, "budget": 64, "tokens": 60}


def test_run_log_resumes_and_drops_a_partial_line(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    tiny.open_run(path, "a").add(Unit("law", 3, [LAW]))
    with path.open("a") as stream:
        stream.write('{"part": "law", "un')
    with tiny.open_run(path, "a") as again:
        assert again.entries == [Unit("law", 3, [LAW])]
        again.add(Unit("law", 4, []))
    assert tiny.open_run(path, "a").entries == [Unit("law", 3, [LAW]), Unit("law", 4, [])]


def test_run_log_is_written_with_its_first_unit(tmp_path: Path) -> None:
    with tiny.open_run(tmp_path / "j", "a") as log:
        assert not (tmp_path / "j").exists()
        log.add(Unit("range", 0, []))
    assert tiny.open_run(tmp_path / "j", "a").entries == [Unit("range", 0, [])]


HEAD = {"format": KIND.format, "scenes": VERSION, "model": "a"}


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (HEAD | {"model": "b"}, "got answers of another model.*delete"),
        (
            HEAD | {"scenes": VERSION + 1},
            f"version {VERSION}; got screens of version {VERSION + 1}.*delete",
        ),
        (HEAD | {"format": 1}, "expected format 4; got format 1.*delete"),
    ],
)
def test_run_log_of_other_answers_is_refused(tmp_path: Path, head: dict[str, Any], message: str) -> None:
    (tmp_path / "j").write_text(json.dumps(head) + "\n")
    with pytest.raises(InputError, match=message):
        tiny.open_run(tmp_path / "j", "a")


@pytest.mark.parametrize(
    "text", ["no log\n", "", "\n", "[]\n", "5\n", '{"format": 2, "model": "a", "size": [640, 400]}\n', "[" * 99999]
)
def test_run_log_does_not_advise_to_delete_another_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text + "\n")
    with pytest.raises(InputError, match="expected a run log of") as error:
        tiny.open_run(tmp_path / "x", "a")
    assert "delete" not in str(error.value)
    assert (tmp_path / "x").read_text() == text + "\n"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in LAW.items() if key != name}


@pytest.mark.parametrize(
    "line",
    [
        [],
        {},
        None,
        {"part": "law", "unit": 1, "rows": 5},
        {"part": 1, "unit": 1, "rows": []},
        {"part": "lore", "unit": 1, "rows": []},
        {"part": "law", "unit": -1, "rows": [LAW]},
        {"part": "law", "unit": True, "rows": [LAW]},
        {"part": "law", "unit": len(SEEDS["law"]), "rows": [LAW]},
        {"part": "law", "unit": 1, "rows": [1]},
        {"part": "range", "unit": 0, "rows": [{"asked": "place"}]},
        {"part": "range", "unit": 0, "rows": [LAW]},
        *({"part": "law", "unit": 1, "rows": [LAW, without(name)]} for name in LAW),
        *(
            {"part": "law", "unit": 1, "rows": [LAW | wrong]}
            for wrong in (
                {"asked": []},
                {"share": 0},
                {"share": "0.1"},
                {"iou": float("nan")},
                {"iou": 1.01},
                {"iou": True},
                {"hit": 1},
                {"budget": 64.0},
                {"budget": -1},
                {"tokens": None},
            )
        ),
    ],
    ids=str,
)
def test_run_log_names_a_damaged_line(tmp_path: Path, line: Any) -> None:
    whole = {"part": "law", "unit": 1, "rows": [LAW]}
    (tmp_path / "j").write_text("".join(f"{json.dumps(each)}\n" for each in (HEAD, whole, line)))
    with pytest.raises(InputError, match=r"line 3: expected a unit .*; got .*Delete that line"):
        tiny.open_run(tmp_path / "j", "a")


def test_run_log_reads_what_is_measured(tmp_path: Path) -> None:
    with tiny.open_run(tmp_path / "j", "a") as log:
        for unit, rows in tiny.serial(None)("range", [1, 3]):
            log.add(Unit("range", unit, rows))
    again = tiny.open_run(tmp_path / "j", "a")
    assert again.entries == log.entries
    assert {row["asked"] for unit in again.entries for row in unit.rows} == set(FIELDS["range"])


def test_run_log_is_written_by_one_at_a_time(tmp_path: Path) -> None:
    log = tiny.open_run(tmp_path / "j", "a")
    with pytest.raises(InputError, match="j: expected a run that nobody writes; got one that this process writes"):
        tiny.open_run(tmp_path / "j", "a")
    log.add(Unit("law", 3, [LAW]))
    log.close()
    (tmp_path / "x").write_text("no log\n")
    for _ in range(2):
        with pytest.raises(InputError, match="expected a run log of"):
            tiny.open_run(tmp_path / "x", "a")
    assert tiny.open_run(tmp_path / "j", "a").entries == log.entries
    assert sorted(path.name for path in tmp_path.iterdir()) == ["j", "x"]


def test_run_log_fills_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "j").touch()
    tiny.open_run(tmp_path / "j", "a").add(Unit("law", 3, [LAW]))
    assert tiny.open_run(tmp_path / "j", "a").entries == [Unit("law", 3, [LAW])]


def test_run_log_that_is_read_only_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.open_run(tmp_path / "j", "a").add(Unit("law", 3, [LAW]))
    access = os.access
    # Patched, because an administrator may write to read-only files.
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path / "j" and access(path, mode))
    with pytest.raises(InputError, match="expected a writable file; got a read-only one"):
        tiny.open_run(tmp_path / "j", "a")


def test_run_log_refuses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got a folder"):
        tiny.open_run(tmp_path, "a")
    with pytest.raises(InputError, match="does not exist"):
        tiny.open_run(tmp_path / "none" / "j", "a")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the packaged checkpoint."""
    return Path(shutil.copytree(hub.find(None), tmp_path / "model"))


def test_digest_covers_every_file_that_is_read(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hub.digest(str(model))
    monkeypatch.setattr("mlx_saccade.checkpoint.hub.PIECE", 1000)
    assert before == hub.digest(str(model)) == hub.digest(None)
    (model / "README.md").write_text("other words")
    assert hub.digest(str(model)) == before
    for name in ("config.json", "tokenizer.json", "chat_template.jinja", "preprocessor_config.json"):
        content = (model / name).read_bytes()
        (model / name).write_bytes(content + b" ")
        assert hub.digest(str(model)) != before, name
        (model / name).write_bytes(content)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_refused_model_leaves_no_run_log(
    model: Path, missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / missing).unlink()
    assert main(["tiny", "evaluate", "--model", str(model), "--out", str(tmp_path / "j")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "j").exists()
