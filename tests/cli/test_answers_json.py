"""The JSON of answers and errors, validated by docs/schemas/answer-1.json."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from answer_schema import SCHEMA, check, unknown_fields
from command_line import run_command, write_picture
from PIL import Image

import mlx_saccade as saccade
import mlx_saccade.engine
from mlx_saccade.cli import output, progress
from mlx_saccade.cli.__main__ import main
from mlx_saccade.cli.commands import sizes
from mlx_saccade.cli.mistakes import message_of

pytestmark = pytest.mark.usefixtures("loaded_once")
FOUND = "the light window"
ABSENT = "the tiny purple lock"
DRAG = "Action: drag(start_box='(500,500)', end_box='(250,250)', seconds=2)"
MIXED = '[{"point_2d": [10, 20], "label": "a"}, {"bbox_2d": [1, 2, 9, 9], "label": "b"}, {"bbox_2d": [0, 0, 9000, 9]}]'


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("json") / "screen.png"
    Image.fromarray(saccade.scenes.generate(3, (640, 400)).image).save(path)
    return path


def run(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def write(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let every model write a text."""
    monkeypatch.setattr(mlx_saccade.engine.runner.StreamDetokenizer, "text", property(lambda _: text, lambda *_: None))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    extra = {"schema": "", "answers": [{"boxes": [{"zzz": 1}]}]}
    assert list(unknown_fields(extra, {"$ref": "#/$defs/answers_document"})) == [".answers[].boxes[].zzz"]


@pytest.mark.parametrize("words", [(FOUND,), (ABSENT,), (FOUND, ABSENT)])
def test_locate_prints_one_document_or_a_line_for_each_description(
    words: tuple[str, ...], picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "locate", picture, *words, "--json")
    assert (code, err.count("generated screens only")) == (0, 0)
    document = json.loads(out)
    check(document)
    assert [row["description"] for row in document["answers"]] == list(words)
    assert {row["image"] for row in document["answers"]} == {str(picture)}
    assert [row["found"] for row in document["answers"]] == [word == FOUND for word in words]
    assert [row["hint"] is None for row in document["answers"]] == [word == FOUND for word in words]
    lines = [json.loads(line) for line in run(capsys, "locate", picture, *words, "--jsonl")[1].splitlines()]
    for line, row in zip(lines, document["answers"], strict=True):
        check(line)
        same = set(row) - {"timings", "confidence", "looks"}
        assert [look["text"] for look in line["looks"]] == [look["text"] for look in row["looks"]]
        assert line["confidence"] == (None if row["confidence"] is None else pytest.approx(row["confidence"], abs=1e-5))
        assert {key: line[key] for key in same} == {key: row[key] for key in same}


@pytest.mark.parametrize("policy", ["flat", "zoom", "search"])
def test_locate_with_a_policy_prints_its_looks(policy: str, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "locate", picture, FOUND, ABSENT, "--policy", policy, "--max-looks", "4", "--json")[1]
    check(json.loads(out))
    for row in json.loads(out)["answers"]:
        assert 1 <= len(row["looks"]) <= 4
        assert row["usage"]["image"] == sum(look["tokens"] for look in row["looks"])


@pytest.mark.parametrize("text", [DRAG, MIXED, "[]", "I cannot help.", '{"bbox_2d": [1, 2', ""])
@pytest.mark.parametrize("command", ["locate", "ask"])
def test_every_kind_of_answer_is_described(
    command: str, text: str, picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(monkeypatch, text)
    options = ("--max-tokens", "1", "--convention", "thousandths")
    document = json.loads(run(capsys, command, picture, "it", "--json", *options)[1])
    check(document)
    (row,) = document["answers"]
    assert row["text"] == text
    if text == MIXED:
        assert [len(row[name]) for name in ("points", "boxes", "rejected")] == [1, 1, 1]
    if command == "ask":
        assert (row["images"], row["question"], row["hint"]) == ([str(picture)], "it", None)


def test_ask_takes_no_or_several_images(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for images in ((), (picture, picture)):
        line = json.loads(run(capsys, "ask", *images, "hello", "--jsonl", "--max-tokens", "2")[1])
        check(line)
        assert line["images"] == [str(image) for image in images]
        assert len(line["frames"]) == len(images)


@pytest.mark.parametrize("option", ["--json", "--jsonl"])
def test_chat_prints_a_line_for_each_question_errors_included(
    option: str, picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"what is this?\nand\xff\n{'word ' * 40_000}\nand now?\n".encode("latin-1")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(said), "utf-8", line_buffering=True))
    code, out, err = run(capsys, "chat", picture, option, "--max-tokens", "2", "--quiet")
    objects = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    for value in objects:
        check(value)
    errors = [value["error"] for value in objects if "error" in value]
    assert [error["kind"] for error in errors][-1] == "input"
    assert len(err.splitlines()) == len(errors)
    rows = [row for value in objects for row in (value.get("answers") or [value]) if "error" not in row]
    assert [row["images"] for row in rows] == [[str(picture)]] * len(rows)


@pytest.mark.parametrize(
    ("words", "kind", "source"),
    [
        (("locate", "nothere.png", "x"), "file", "nothere.png"),
        (("ask", "nothere.png", "x"), "file", "nothere.png"),
        (("plan", "nothere.png"), "file", "nothere.png"),
        (("sizes", "640x480", "big"), "input", None),
        (("plan", "640x480", "--nonsense"), "usage", None),
        (("sweep", "--budgets", "x"), "input", "--budgets"),
        (("nonsense",), "usage", None),
        (("locate",), "usage", None),
    ],
)
def test_an_error_of_any_command_is_an_object_on_standard_output(
    words: tuple[str, ...], kind: str, source: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *words, "--json")
    value = json.loads(out)
    check(value)
    assert (code, value["error"]["kind"], value["error"].get("input")) == (2, kind, source)
    assert err.splitlines()[-1].endswith(value["error"]["message"])
    assert run(capsys, *words)[1] == ""


def test_json_and_json_lines_exclude_one_another(picture: Path) -> None:
    result = run_command("locate", str(picture), "x", "--json", "--jsonl")
    assert result.returncode == 2
    assert "not allowed with" in json.loads(result.stdout)["error"]["message"]
    assert run_command("plan", "640x480", "--jsonl").returncode == 2


def test_after_two_dashes_the_word_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "locate", "--", "nothere.png", "--json")
    assert (code, out) == (2, "")


@pytest.mark.parametrize("form", [(), ("--json",), ("--jsonl",)])
def test_fail_is_exit_code_1_if_any_description_is_not_found(
    form: tuple[str, ...], picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "locate", picture, FOUND, *form, "--fail")[0] == 0
    assert run(capsys, "locate", picture, FOUND, ABSENT, *form, "--fail")[0] == 1
    assert run(capsys, "locate", picture, FOUND, ABSENT, *form)[0] == 0


def test_a_hint_names_its_description_if_another_was_found(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"hint: {ABSENT}: The model" in run(capsys, "locate", picture, FOUND, ABSENT)[2]
    assert "hint: The model" in run(capsys, "locate", picture, ABSENT, ABSENT)[2]


@pytest.mark.parametrize(
    ("words", "noted"),
    [
        (("the", "red", "dialog"), True),
        (("the", "red", "dialog", "--json"), True),
        (("the", "red", "dialog", "--quiet"), False),
        (("red", "dialog"), False),
        (("the red", "dialog", "window"), False),
        (("--find", "open", "--find", "save", "--find", "close"), False),
    ],
)
def test_three_words_without_quotes_are_noted(
    words: tuple[str, ...], noted: bool, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "locate", picture, *words)
    line = 'each of the 3 words is asked on its own; for one description write "the red dialog"'
    assert (code, line in err, "on its own" in err) == (0, noted, noted)


def test_words_without_quotes_are_noted_with_a_batch_and_not_with_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "shot.png")
    code, out, err = run(capsys, "locate", "--batch", tmp_path, "the", "red", "dialog")
    assert (code, len(out.splitlines()), err.count("on its own")) == (0, 3, 1)
    code, _, err = run(capsys, "locate", tmp_path / "shot.png", "the", "red", "dialog", "--scale", "0")
    assert (code, len(err.splitlines())) == (2, 1)


@pytest.mark.parametrize("word", [FOUND, ABSENT])
def test_a_long_description_is_shortened_for_people_only(
    word: str, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = f"{word} or\nso" + " very" * 200
    _, out, err = run(capsys, "locate", picture, long, ABSENT)
    short = " ".join(long.split())[:77] + "..."
    assert out.startswith(f"{short}: ")
    assert max(map(len, err.splitlines())) < 600 and long not in err
    rows = json.loads(run(capsys, "locate", picture, long, ABSENT, "--json")[1])["answers"]
    assert [row["description"] for row in rows] == [long, ABSENT]


def test_verbose_prints_the_confidence_of_a_place(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(run(capsys, "locate", picture, FOUND, "--json")[1])["answers"]
    said = run(capsys, "locate", picture, FOUND, ABSENT, "--verbose")[2]
    assert re.findall(r"^confidence +(\S+)$", said, re.MULTILINE) == [f"{rows[0]['confidence']:.2f}"]


def test_quiet_prints_the_result_and_errors_only(tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "noise.png")
    loud = run_command("locate", str(picture), ABSENT)
    assert "hint: The model answers" in loud.stderr
    assert loud.stderr.count("generated screens only") == 1
    Image.fromarray(saccade.scenes.generate(3, (1920, 1080)).image).save(tmp_path / "large.png")
    large = run_command("locate", str(tmp_path / "large.png"), ABSENT, "--budget", "64")
    assert 'Try policy "search" (--policy search), a budget of up to ' in large.stderr
    quiet = run_command("locate", str(picture), ABSENT, "--quiet")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert quiet.stdout.splitlines()[0] == loud.stdout.splitlines()[0]
    missing = run_command("locate", "nothere.png", "x", "--quiet")
    assert (missing.returncode, len(missing.stderr.splitlines())) == (2, 1)
    both = run_command("locate", str(picture), "x", "--quiet", "--verbose")
    assert (both.returncode, len(both.stderr.splitlines())) == (2, 1)


def test_quiet_stops_progress_until_the_command_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    monkeypatch.setattr(sizes, "run", lambda options: states.append(output.is_quiet()) or 0)
    monkeypatch.setattr(progress, "_own_terminal", lambda stream: stream)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main(["sizes", "--quiet"]) == 0
    assert (states, output.is_quiet()) == ([True], False)
    output.set_quiet(True)
    try:
        assert progress.bar().disable
        with progress.Progress("x") as shown:
            assert not shown._timer.is_alive()
    finally:
        output.set_quiet(False)
    with progress.Progress("x") as shown:
        assert shown._timer.is_alive()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_not_blamed_on_the_path(number: int) -> None:
    message = message_of(OSError(number, os.strerror(number), "out.png"))
    assert message == f"out.png: {os.strerror(number)}. Free space, or name another place"
    assert message_of(OSError(errno.EACCES, "Permission denied", "out.png")).endswith("Check the path")
    assert message_of(OSError(errno.EROFS, "Read-only file system", "run")).endswith("Name another place")


def test_candidates_are_printed_with_their_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "twins.png"
    Image.fromarray(saccade.scenes.generate(790_212, (1024, 640), smallest=56, ambiguous=True).image).save(path)
    code, out, _ = run(capsys, "locate", path, "the cyan star icon", "--candidates", "3", "--json")
    document = json.loads(out)
    check(document)
    candidates = document["answers"][0]["candidates"]
    assert code == 0
    assert len(candidates) >= 2
    assert candidates[0]["xyxy"] == document["answers"][0]["boxes"][0]["xyxy"]
    assert candidates[0]["score"] == document["answers"][0]["confidence"]
    lines = run(capsys, "locate", path, "the cyan star icon", "--candidates", "3")[1].splitlines()
    for candidate, line in zip(candidates, lines, strict=False):
        numbers = ", ".join(f"{value:.0f}" for value in candidate["xyxy"])
        assert line.startswith(f"the cyan star icon: {numbers} (score {candidate['score']:.2f})")
    assert "(score" in run(capsys, "locate", path, "the cyan star icon", "--candidates", "2")[1]
    assert "(score" not in run(capsys, "locate", path, "the cyan star icon")[1]


@pytest.mark.parametrize("words", ["0", "1.5", "1000", "x", "-1", "99999999999999"])
def test_a_bad_number_of_candidates_names_the_range(
    picture: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    code, out, err = run(capsys, "locate", picture, FOUND, f"--candidates={words}", "--json")
    assert code == 2
    check(json.loads(out))
    assert "--candidates: expected a whole number from 1 to 16; got " in err
