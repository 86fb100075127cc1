"""The sweep on generated screens with a checkpoint in this process: its targets, answers, table and command."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from document_schema import checked
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_stand_ins import untimed

import mlx_saccade as saccade
import mlx_saccade.engine
from mlx_saccade import evals, scenes
from mlx_saccade.cli.__main__ import main
from mlx_saccade.errors import InputError
from mlx_saccade.evals.datasets import choose_targets
from mlx_saccade.evals.engines import InProcess
from mlx_saccade.evals.sweep import Question, answer, record

SMALL = (448, 336)


# Generated screens.


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(1, 30))
def test_choose_targets_takes_all_sizes_and_each_element_once(seed: int, count: int) -> None:
    size = (640, 400)
    elements, _ = scenes.annotate(seed, size)
    chosen = choose_targets(elements, size, seed, count)
    assert chosen == choose_targets(elements, size, seed, count + 5)[:count]
    assert len(set(chosen)) == len(chosen) == min(count, len(elements))
    all_bins = [evals.bin_of(evals.share_of(element, size)) for element in elements]
    bins = [all_bins[number] for number in chosen]
    if count >= len(set(all_bins)):
        assert set(bins) == set(all_bins)
    counts = {name: bins.count(name) for name in set(all_bins)}
    for name, chosen_count in counts.items():
        assert chosen_count == all_bins.count(name) or chosen_count >= max(counts.values()) - 1


def test_scenes_have_as_many_targets_as_they_are_told_with_their_boxes() -> None:
    data = evals.Scenes(11, size=SMALL, seed=3, per_screen=4)
    assert [target.image for target in data.targets] == [f"scene-{seed:06d}" for seed in (3, 4, 5) for _ in range(4)][
        :11
    ]
    assert data.targets == evals.Scenes(30, size=SMALL, seed=3, per_screen=4).targets[:11]
    for target in data.targets:
        seed, number = int(target.image[-6:]), int(target.id.rpartition("-")[2])
        scene = scenes.generate(seed, SMALL)
        assert (target.description, target.expected) == (
            scene.elements[number].description,
            (scene.elements[number].box,),
        )
        assert np.array_equal(data.open(target), scene.image)
        assert 0 < target.share <= 1
    assert evals.Scenes(1, size=SMALL).identity != evals.Scenes(1, size=(640, 400)).identity


@pytest.mark.parametrize("numbers", [{"n": 0}, {"n": 1, "per_screen": 0}, {"n": 1, "seed": -1}])
def test_scenes_refuse_impossible_numbers(numbers: dict[str, int]) -> None:
    with pytest.raises(InputError, match="expected a whole number of at least"):
        evals.Scenes(**numbers)


# A checkpoint in this process.


def test_answers_are_those_of_locate() -> None:
    engine, data, runtime = saccade.load(cache_memory=0), evals.Scenes(4, size=SMALL), InProcess()
    for target in data.targets:
        for budget, policy in ((64, "flat"), ("50176px", "flat"), (64, "zoom:share=0.4")):
            runtime.check(budget, policy)
            row = answer(data, runtime, Question(target, budget, policy))
            expected = engine.locate(data.open(target), target.description, budget=budget, policy=policy)
            reply = row.reply
            assert (reply.boxes, reply.click) == (tuple(box.xyxy for box in expected.boxes), expected.click)
            assert (reply.text, reply.finish) == (expected.text, expected.finish)
            assert (reply.tokens, reply.prompt_tokens) == (expected.usage["image"], expected.usage["prompt"])
            assert reply.image_sent_size == expected.frames[0].processed_size
            assert [look["crop"] for look in reply.looks] == (
                [list(look.crop) for look in expected.looks] if len(expected.looks) > 1 else []
            )
            assert reply.peak_bytes and reply.peak_bytes > 0 and sum(reply.seconds.values()) > 0
            assert evals.Row.of_dict(json.loads(json.dumps(row.as_dict()))) == row
    runtime.close()
    runtime.close()


def test_every_question_encodes_its_image() -> None:
    data, runtime = evals.Scenes(3, size=SMALL), InProcess()
    for target in data.targets:
        runtime.ask(data.open(target), target, 16, "flat")
    counts = runtime._loaded().counts
    assert (counts.vision_calls, counts.resizes, counts.reused_tokens) == (3, 3, 0)


def test_what_a_checkpoint_cannot_take_is_refused_before_the_first_question() -> None:
    runtime = InProcess()
    for budget, policy, message in (
        (64, "nonsense", "expected one of auto, flat"),
        (64, "zoom:speed=2", "policy zoom"),
        ("nonsense@1", "flat", "nonsense"),
        (0, "flat", "at least 1"),
    ):
        with pytest.raises(InputError, match=message):
            runtime.check(budget, policy)
    with pytest.raises(FileNotFoundError):
        InProcess("no/such/folder")


def test_a_question_that_cannot_be_asked_is_an_error_of_its_own() -> None:
    data, runtime = evals.Scenes(1, size=SMALL), InProcess()
    reply = runtime.ask("no-such.png", data.targets[0], 64, "flat")
    assert reply.error is not None and "no-such.png" in reply.error


# The command.


@pytest.fixture
def sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Return a function that runs the command on small screens, into one folder, and returns its JSON."""

    def run(*words: str) -> Any:
        assert main(["sweep", *words, "--size", "448x336", "--out", str(tmp_path / "runs" / "s"), "--json"]) == 0
        return checked(capsys.readouterr().out, "sweep-run-1.json")

    return run


def test_command_resumes_and_extends(
    sweep: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, loaded = saccade.engine.load, []
    monkeypatch.setattr(saccade.engine, "load", lambda *what, **how: loaded.append(what) or load(*what, **how))
    first = sweep("--n", "2", "--budgets", "64")
    assert (first["questions"], len(loaded)) == (2, 1)
    rows = tmp_path / "runs" / "s" / "rows.jsonl"
    before = rows.read_bytes()
    assert sweep("run", "--n", "2", "--budgets", "64") == first
    assert (rows.read_bytes(), len(loaded)) == (before, 1)
    more = sweep("--n", "3", "--budgets", "16,64", "--policy", "flat,zoom:share=0.4,max_looks=2")
    assert (more["questions"], more["missing"], more["errors"]) == (12, 0, 0)
    assert [line in rows.read_bytes() for line in before.splitlines()] == [True, True]
    for line in rows.read_text().splitlines():
        checked(line, "row-1.json")
    assert len(checked(rows.with_name("run.json").read_text(), "run-1.json")["asked"]) == 2
    assert {cell["policy"] for cell in more["cells"]} == {"flat", "zoom:share=0.4,max_looks=2"}


def test_command_says_what_an_earlier_one_left(
    sweep: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep("--n", "2", "--budgets", "16")
    out, data = tmp_path / "runs" / "s", evals.Scenes(5, size=SMALL)
    with evals.RunFolder(out, data, InProcess()) as run:
        record(run, evals.questions_of(data, (16,), ("flat",)))
    assert sweep("--n", "2", "--budgets", "16")["missing"] == 3
    assert main(["sweep", "--n", "2", "--size", "448x336", "--budgets", "16", "--out", str(out)]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "3 questions of earlier commands on this run have no answer yet" in words


def test_command_names_what_fails_and_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*question: Any) -> evals.Reply:
        return evals.Reply(error="the server said 500")

    monkeypatch.setattr(InProcess, "ask", fail)
    words = ["sweep", "--n", "1", "--size", "448x336", "--budgets", "16", "--out", str(tmp_path / "s"), "--json"]
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.err == "mlx-saccade: 1 question failed, the first with: the server said 500\n"
    facts = checked(printed.out, "sweep-run-1.json")
    assert (facts["questions"], facts["errors"], facts["missing"]) == (1, 1, 1)
    assert {(cell["n"], cell["failed"], cell["iou"], cell["hits"]) for cell in facts["cells"]} == {(1, 1, None, None)}


def test_command_asks_for_the_targets_of_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["scenes", "--n", "2", "--size", "448x336", "--out", "screens", "--quiet"]) == 0
    words = ["sweep", "--data", "screens", "--budgets", "16", "--out", "run", "--json", "--size", "640x400"]
    capsys.readouterr()
    assert main([*words, "--n", "3"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["questions"] == 3
    assert "mlx-saccade: not used with --data: --size\n" in printed.err
    assert "read as ScreenSpot-Pro: bbox x1, y1, x2, y2 in pixels" in printed.err
    assert main([*words, "--n", "5"]) == 0
    run = evals.read_run("run")
    assert (len(run.rows), run.header.data.name, run.missing) == (5, "screens", 0)
    image = tmp_path / "screens" / run.rows[0].target.image
    image.write_bytes(image.read_bytes() + b"more")
    assert main([*words, "--n", "5"]) == 2
    assert "image_id" in capsys.readouterr().err
    assert main(["sweep", "--images", "x", "--n", "1", "--size", "448x336", "--budgets", "16", "--out", "other"]) == 0
    assert "not used without --data: --images" in capsys.readouterr().err


def test_command_merges(sweep: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep("--n", "2", "--budgets", "16")
    run, out = str(tmp_path / "runs" / "s"), str(tmp_path / "out")
    assert main(["sweep", "merge", run, run, "--out", out, "--json"]) == 0
    merged = checked(capsys.readouterr().out, "sweep-merge-1.json")
    assert merged.pop("schema") == "mlx-saccade/sweep-merge/1"
    assert merged == {"run": out, "questions": 2, "repeated": 2, "errors": 0, "missing": 0}
    assert main(["sweep", "merge", run, run, "--out", out]) == 2
    assert "expected a new folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["runs/a"], "invalid choice: 'runs/a' (choose from "),
        (["--budgets", "16,,64"], "got nothing in 16,,64"),
        (["--budgets", "16,16"], "--budgets: expected each budget once"),
        (["--budgets", "0"], "--budgets: expected a whole number of at least 1"),
        (["--budgets", "half"], "--budgets: expected tokens (1280), pixels (1003520px), checkpoint or a runtime"),
        (["--budgets", "ollama@0.0.1"], "0.0.1"),
        (["--policy", "share=0.4"], "--policy: expected a name before share=0.4"),
        (["--policy", "flat", "--policy", "zoom,flat"], "--policy: expected each policy once"),
        (["--policy", "spiral"], "policy: expected one of auto, flat"),
        (["--policy", "flat,zoom:share=7"], "policy zoom: share: expected above 0 and at most 1; got 7.0"),
        (["--n", "0"], "n: expected a whole number of at least 1"),
        (["merge", "a", "--out", "b"], "at least two runs"),
        (["merge", "a", "b"], "--out"),
        (["merge", "a", "b", "--out", "c"], "a: no such folder"),
    ],
)
def test_command_names_a_mistake(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *words]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_command_killed_at_a_random_moment_resumes_to_the_same_rows(tmp_path: Path) -> None:
    def command(name: str) -> list[str]:
        words = ["--n", "6", "--targets", "3", "--size", "448x336", "--budgets", "16,64", "--json"]
        return [sys.executable, "-m", "mlx_saccade", "sweep", *words, "--out", str(tmp_path / name)]

    rows = tmp_path / "killed" / "rows.jsonl"
    process = subprocess.Popen(command("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not rows.exists() or rows.read_bytes().count(b"\n") < 2:
            assert process.poll() is None
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    for name in ("killed", "whole"):
        subprocess.run(command(name), check=True, capture_output=True, timeout=120)
    killed, whole = (untimed(evals.read_run(tmp_path / name)) for name in ("killed", "whole"))
    assert [row.as_dict() | {"peak_bytes": 0} for row in killed] == [row.as_dict() | {"peak_bytes": 0} for row in whole]
