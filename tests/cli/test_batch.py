"""`mlx-saccade locate` on many images: folders, JSON lines, pipes, and the file of --out."""

from __future__ import annotations

import fcntl
import functools
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from answer_schema import check
from command_line import PROGRAM
from PIL import Image

import mlx_saccade as saccade
import mlx_saccade.engine
from mlx_saccade.cli.__main__ import main
from mlx_saccade.cli.batch import run as batch_run
from mlx_saccade.engine import Engine

pytestmark = pytest.mark.usefixtures("loaded_once")
FOUND = "the light window"
ABSENT = "the tiny purple lock"


@pytest.fixture(scope="module")
def screen() -> Image.Image:
    return Image.fromarray(saccade.scenes.generate(3, (640, 400)).image)


@pytest.fixture
def shots(tmp_path: Path, screen: Image.Image, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of three images, a broken one and three other things; its parent is the working directory."""
    folder = tmp_path / "shots"
    (folder / "older.png").mkdir(parents=True)
    for name in ("c.png", "a.png"):
        screen.save(folder / name)
    Image.new("RGB", (640, 400), "white").save(folder / "b.png")
    (folder / "d.PNG").write_bytes(b"no image")
    (folder / "notes.txt").write_text("about them")
    screen.save(folder / ".hidden.png")
    monkeypatch.chdir(tmp_path)
    return Path("shots")


def run(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    code = main(["locate", *map(str, words)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def read(text: str) -> list[dict[str, Any]]:
    """Return the rows of JSON lines, each checked with the schema."""
    rows = [json.loads(line) for line in text.splitlines()]
    for row in rows:
        check(row)
    return rows


def write_lines(path: Path, *lines: dict[str, Any] | bytes) -> Path:
    path.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )
    return path


def untimed(row: dict[str, Any]) -> dict[str, Any]:
    looks = [{name: look[name] for name in ("crop", "tokens", "text")} for look in row.get("looks", ())]
    return {**{name: value for name, value in row.items() if name not in ("timings", "confidence")}, "looks": looks}


def count_questions(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that gets the image of every question to an engine."""
    asked: list[Any] = []
    locate = Engine.locate

    @functools.wraps(locate)
    def counted(self: Engine, image: Any, *words: Any, **options: Any) -> Any:
        asked.append(image)
        return locate(self, image, *words, **options)

    monkeypatch.setattr(Engine, "locate", counted)
    return asked


def test_a_folder_gives_a_row_for_each_image_by_name(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--batch", shots, FOUND)
    rows = read(out)
    assert code == 2
    assert [row["image"] for row in rows] == [f"shots/{name}" for name in ("a.png", "b.png", "c.png", "d.PNG")]
    assert [row.get("found") for row in rows] == [True, False, True, None]
    assert (rows[3]["error"]["kind"], rows[3]["error"]["input"]) == ("input", "shots/d.PNG")
    assert "shots: skipped .hidden.png, notes.txt, older.png/" in err
    assert err.splitlines()[-1] == "mlx-saccade: 4 images: 2 found, 1 without a box, 1 failed"
    alone = json.loads(run(capsys, shots / "a.png", FOUND, "--jsonl")[1])
    assert untimed(rows[0]) == untimed(alone)
    (shots / "d.PNG").unlink()
    assert [run(capsys, "--batch", shots, FOUND, *words)[0] for words in ((), ("--fail",))] == [0, 1]
    assert run(capsys, "--batch", shots, FOUND, "--quiet")[2] == ""


def test_images_with_find_are_never_descriptions(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, shots / "a.png", shots / "b.png", "--find", FOUND, "--find", ABSENT)
    lines = out.splitlines()
    assert (code, len(lines)) == (0, 4)
    assert lines[0].startswith(f"shots/a.png: {FOUND}: 257, 6, ")
    assert lines[3].startswith(f"shots/b.png: {ABSENT}: no box")
    assert err.splitlines()[-1] == "mlx-saccade: 2 images, 4 answers: 1 found, 3 without a box, 0 failed"
    code, out, _ = run(capsys, shots / "a.png", shots / "d.PNG", shots / "no.png", "--find", FOUND, "--json")
    document = json.loads(out)
    check(document)
    assert (code, len(document["answers"])) == (2, 1)
    assert [error["error"]["kind"] for error in document["errors"]] == ["input", "file"]
    (row,) = json.loads(run(capsys, shots / "a.png", "--find", FOUND, "--json")[1])["answers"]
    assert untimed(row) == untimed(document["answers"][0])
    code, out, err = run(capsys, shots / "a.png", shots / "b.png")
    assert (code, out) == (2, "")
    assert "shots/b.png: expected a description; got an image file" in err
    assert "--find" in err


def test_a_region_and_a_scale_apply_to_each_image(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shots / "d.PNG").unlink()
    place = ("--region", "240,0,240,340", "--origin", "-100,0", "--scale", "2")
    rows = read(run(capsys, "--batch", shots, FOUND, *place)[1])
    assert untimed(rows[0]) == untimed(json.loads(run(capsys, shots / "a.png", FOUND, *place, "--jsonl")[1]))
    assert rows[0]["frames"][0]["region"] == [240, 0, 240, 340]
    line = {"image": "shots/a.png", "region": [240, 0, 240, 340], "origin": [-100, 0], "scale": 2}
    write_lines(Path("lines.jsonl"), line, {**line, "region": [600, 0, 100, 100]})
    code, out, _ = run(capsys, "--batch", "lines.jsonl", FOUND)
    (row, error) = read(out)
    assert (code, error["error"]["kind"]) == (2, "input")
    assert {name: row[name] for name in ("boxes", "screen_click")} == {
        name: rows[0][name] for name in ("boxes", "screen_click")
    }


def test_candidates_are_in_the_rows(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = read(run(capsys, "--batch", shots, FOUND, "--candidates", "3")[1])
    assert 1 < len(rows[0]["candidates"]) <= 3


def test_rows_stay_on_standard_output_while_the_bar_is_on_a_terminal(shots: Path) -> None:
    command = [*PROGRAM, "locate", "--batch", str(shots), FOUND]
    terminal, side = pty.openpty()
    try:
        with Path("rows.jsonl").open("wb") as rows:
            result = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=rows, stderr=side, timeout=300, check=False
            )
        os.close(side)
        shown = os.read(terminal, 1 << 16).decode(errors="replace")
    finally:
        os.close(terminal)
    assert (result.returncode, len(read(Path("rows.jsonl").read_text()))) == (2, 4)
    assert "locating" in shown
    assert "mlx-saccade/answer" not in shown


def test_raw_pixels_are_read_from_each_file(
    shots: Path, screen: Image.Image, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("raw").write_bytes(screen.tobytes("raw", "BGRX"))
    options = ("--raw-size", "640x400", "--pixel-format", "bgrx")
    rows = read(run(capsys, "raw", "shots/a.png", "--find", FOUND, *options, "--jsonl")[1])
    assert (rows[0]["found"], "1,024,000 bytes" in rows[1]["error"]["message"]) == (True, True)


def test_a_line_has_its_own_descriptions_options_and_id(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = write_lines(
        Path("lines.jsonl"),
        b"\xef\xbb\xbf" + json.dumps({"image": "shots/a.png", "description": [FOUND, ABSENT], "id": "first"}).encode(),
        b"  ",
        {"image": "shots/a.png", "budget": 64, "id": 3.5, "fit": None},
        {"image": "shots/a.png", "policy": "zoom", "max_looks": 2, "constrained": True},
    )
    code, out, err = run(capsys, "--batch", lines, FOUND)
    rows = read(out)
    assert code == 0
    assert [(row["line"], row.get("id"), row["description"]) for row in rows] == [
        (1, "first", FOUND),
        (1, "first", ABSENT),
        (3, 3.5, FOUND),
        (4, None, FOUND),
    ]
    assert rows[0]["usage"]["image"] > 64 >= rows[2]["usage"]["image"]
    assert (rows[2]["options"], "options" in rows[0]) == ({"budget": 64}, False)
    assert len(rows[3]["looks"]) == 2
    assert err.splitlines()[-1].startswith("mlx-saccade: 3 images, 4 answers: 3 found, 1 without")


BAD_LINES = [
    (b"shots/a.png", "expected a JSON object"),
    (b"[1]", "expected a JSON object"),
    (b"[" * 100_000, "expected a JSON object"),
    (b'{"image": "\xff"}', "UTF-8"),
    (b'{"image": "a", "image": "b"}', "'image' twice"),
    (b'{"id": NaN}', "NaN"),
    ({"description": "x"}, "expected the path of an image; got no image"),
    ({"image": 5, "description": "x"}, "expected the path of an image; got 5"),
    ({"image": "-", "description": "x"}, "expected the path of an image; got '-'"),
    ({"image": "/dev/stdin", "description": "x"}, "expected the path of an image; got '/dev/stdin'"),
    ({"image": "shots/a.png"}, "got no description"),
    ({"image": "shots/a.png", "description": []}, "expected a text or a list of texts; got []"),
    ({"image": "shots/a.png", "description": ["x", 5]}, "expected a text or a list"),
    ({"image": "shots/a.png", "description": " "}, "description is ' '"),
    ({"image": "shots/a.png", "description": "x", "bugdet": 4}, "unknown key 'bugdet'; known: image, description, id"),
    ({"image": "shots/a.png", "description": "x", "progress": 4}, "unknown key 'progress'"),
    ({"image": "shots/a.png", "description": "x", "cancel": True}, "unknown key 'cancel'"),
    ({"image": "shots/a.png", "description": "x", "budget": "lots"}, "lots"),
    ({"image": "shots/a.png", "description": "x", "policy": 5}, "5"),
    ({"image": "shots/a.png", "description": "x", "fit": "yes"}, "fit: expected true or false; got 'yes'"),
    ({"image": "shots/a.png", "description": "x", "id": [1]}, "id: expected a string or a number"),
    ({"image": "shots/a\0.png", "description": "x"}, "a\\x00.png"),
    ({"image": "shots/\ud800.png", "description": "x"}, "shots/"),
    ({"image": "nothere.png", "description": "\ud800"}, "description"),
    ({"image": "nothere.png", "description": "x"}, "nothere.png: no such file"),
    ({"image": "https://example.com/a.png", "description": "x"}, "--allow-url"),
]


def test_a_bad_line_is_an_error_row_and_the_batch_goes_on(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = {"image": "shots/a.png", "description": FOUND}
    lines = write_lines(Path("lines.jsonl"), *(line for line, _ in BAD_LINES), good)
    code, out, err = run(capsys, "--batch", lines)
    rows = read(out)
    assert (code, len(rows), rows[-1]["found"]) == (2, len(BAD_LINES) + 1, True)
    for number, (row, (_, expected)) in enumerate(zip(rows, BAD_LINES, strict=False), 1):
        assert row["line"] == number
        assert expected in row["error"]["message"]
        assert f"mlx-saccade: line {number}: {row['error']['message']}" in err.splitlines()[number - 1]
    assert err.splitlines()[-1].endswith(f"1 found, 0 without a box, {len(BAD_LINES)} failed")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--batch", "shots"), "expected what to find"),
        (("--batch", "shots", " "), "description is ' '"),
        (("--batch", "nothere", FOUND), "--batch nothere: no such file or folder"),
        (("--batch", "shots/a.png", FOUND), "got an image"),
        (("--batch", "shots/older.png", FOUND), "got an empty folder"),
        (("--batch", "shots", FOUND, "--save", "x.png"), "--save: expected one image"),
        (("--batch", "shots", FOUND, "--pixel-format", "bgra"), "--pixel-format bgra: expected --raw-size"),
        (("--batch", "shots", FOUND, "--raw-size", "big"), "--raw-size: expected WIDTHxHEIGHT; got big"),
        (("--batch", "shots", FOUND, "--policy", "big"), "big"),
        (("-", "/dev/stdin", "--find", FOUND), "expected standard input once"),
        (("--batch", "shots", FOUND, "--page", "all"), "--page: expected one page"),
        (("--batch", "shots", FOUND, "--json", "--out", "x"), "--json: not allowed with --out"),
        (("shots/a.png", FOUND, "--out", "x"), "--out: expected --batch or --find"),
        (("shots/a.png",), "required: DESCRIPTION"),
        (("--find", FOUND), "required: IMAGE"),
        (("--batch", "shots", FOUND, "--out", "shots"), "got a folder"),
        (("--batch", "shots", FOUND, "--out", "shots/a.png"), "shots/a.png: line 1: expected a row of"),
        (("--batch", "shots", FOUND, "--out", "shots/notes.txt"), "shots/notes.txt: line 1: expected a row of"),
        (("--batch", "shots", FOUND, "--out", "none/x"), "does not exist"),
        (("--batch", "shots", FOUND, "--out", "x", "--model", "nothere"), "nothere"),
    ],
)
def test_a_senseless_command_is_refused_before_any_question(
    words: tuple[str, ...],
    expected: str,
    shots: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = {path: path.read_bytes() for path in shots.iterdir() if path.is_file()}
    monkeypatch.setattr(batch_run, "load_engine", lambda _: pytest.fail("loaded"))
    code, _, err = run(capsys, *words)
    assert (code, expected in err.splitlines()[-1]) == (2, True), err
    assert before == {path: path.read_bytes() for path in shots.iterdir() if path.is_file()}
    assert not Path("x").exists()


def test_a_stopped_file_is_completed_and_nothing_is_asked_twice(
    shots: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--batch", shots, FOUND, ABSENT, "--out", "rows.jsonl")
    code, out, _ = run(capsys, *words)
    whole = Path("rows.jsonl").read_bytes()
    assert (code, out) == (2, "")
    assert len(read(whole.decode())) == 7
    assert "checkpoint" in json.loads(whole.splitlines()[0])["setup"]
    asked = count_questions(monkeypatch)
    said = run(capsys, *words)[2].splitlines()[-1]
    assert said.endswith("2 found, 4 without a box, 1 failed; 6 from an earlier run")
    assert (Path("rows.jsonl").read_bytes(), asked) == (whole, ["shots/d.PNG"])
    ends = [number + 1 for number, byte in enumerate(whole) if byte == ord("\n")]
    for cut in (0, 5, ends[0] - 1, ends[0], ends[1] + 30, ends[5], len(whole) - 1):
        Path("rows.jsonl").write_bytes(whole[:cut])
        assert run(capsys, *words)[0] == 2
        again = read(Path("rows.jsonl").read_text())
        assert [untimed(row) for row in again] == [untimed(row) for row in read(whole.decode())]


def test_a_failure_is_retried_and_its_row_replaced(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = write_lines(
        Path("lines.jsonl"),
        {"image": "late.png", "description": FOUND},
        {"image": "shots/a.png"},
        {"image": "shots/a.png", "description": ABSENT},
    )
    words = ("--batch", lines, "--out", "rows.jsonl")
    assert run(capsys, *words)[0] == 2
    assert [row["line"] for row in read(Path("rows.jsonl").read_text()) if "error" in row] == [1, 2]
    (shots / "c.png").rename("late.png")
    write_lines(
        lines,
        {"image": "late.png", "description": FOUND},
        {"image": "shots/a.png", "description": FOUND},
        {"image": "shots/a.png", "description": ABSENT},
    )
    code, _, err = run(capsys, *words)
    said = "mlx-saccade: 3 images: 2 found, 1 without a box, 0 failed; 1 from an earlier run"
    assert (code, err.splitlines()[-1]) == (0, said)
    rows = read(Path("rows.jsonl").read_text())
    assert [(row["line"], row["found"]) for row in rows] == [(3, False), (1, True), (2, True)]


def test_another_setup_under_the_same_out_is_refused(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = write_lines(Path("lines.jsonl"), {"image": "shots/a.png", "description": FOUND, "id": 1})
    words = ("--batch", lines, "--out", "rows.jsonl")
    assert run(capsys, *words)[0] == 0
    whole = Path("rows.jsonl").read_bytes()
    for more, expected in (
        (("--budget", "64"), "expected answers with budget '64', as in this run; got none"),
        (("--policy", "zoom"), "with policy 'zoom'"),
        (("--seed", "0"), "with seed 0"),
        (("--color", "ignore"), "with color 'ignore', as in this run; got 'convert'"),
    ):
        code, _, err = run(capsys, *words, *more)
        assert (code, expected in err) == (2, True), err
    for line in (
        {"image": "shots/b.png", "description": FOUND, "id": 1},
        {"image": "shots/a.png", "description": ABSENT, "id": 1},
        {"image": "shots/a.png", "description": FOUND, "id": 2},
        {"image": "shots/a.png", "description": FOUND, "id": 1, "budget": 64},
    ):
        write_lines(lines, line)
        code, _, err = run(capsys, *words)
        assert (code, "line 1: expected an answer to line 1 of the input" in err) == (2, True), err
    assert Path("rows.jsonl").read_bytes() == whole


def test_a_second_process_on_one_out_is_refused(shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("rows.jsonl").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, _, err = run(capsys, "--batch", shots, FOUND, "--out", "rows.jsonl")
    assert (code, "rows.jsonl: another process writes this file" in err) == (2, True)
    assert Path("rows.jsonl").read_bytes() == b""
    assert run(capsys, "--batch", shots, FOUND, "--out", "rows.jsonl")[0] == 2
    assert len(read(Path("rows.jsonl").read_text())) == 4


def test_a_full_disk_leaves_whole_rows(
    shots: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, budget = os.write, [3000]

    def limited(handle: int, data: bytes) -> int:
        if not budget[0]:
            raise OSError(28, "No space left on device")
        count = write(handle, data[: budget[0]])
        budget[0] -= count
        return count

    with monkeypatch.context() as patch:
        patch.setattr("mlx_saccade.cli.batch.log.os.write", limited)
        code, _, err = run(capsys, "--batch", shots, FOUND, "--out", "rows.jsonl")
    assert (code, "rows.jsonl: No space left on device" in err) == (2, True)
    assert 0 < len(read(Path("rows.jsonl").read_text())) < 4
    assert run(capsys, "--batch", shots, FOUND, "--out", "rows.jsonl")[0] == 2
    assert len(read(Path("rows.jsonl").read_text())) == 4


def test_an_interrupt_loses_nothing_finished(
    shots: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    locate = Engine.locate

    def interrupted(self: Engine, image: Any, *words: Any, **options: Any) -> Any:
        if image == "shots/c.png":
            raise KeyboardInterrupt
        return locate(self, image, *words, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "locate", functools.wraps(locate)(interrupted))
        code, _, err = run(capsys, "--batch", shots, FOUND, "--out", "rows.jsonl")
    assert code == 130
    assert "stopped after 2 images: 1 found, 1 without a box, 0 failed; run the same command to continue" in err
    asked = count_questions(monkeypatch)
    assert run(capsys, "--batch", shots, FOUND, "--out", "rows.jsonl")[0] == 2
    assert asked == ["shots/c.png", "shots/d.PNG"]


def test_standard_input_that_is_closed_or_empty(
    shots: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "it is closed" in run(capsys, "--batch", "-", FOUND)[2]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    code, out, err = run(capsys, "--batch", "-", FOUND)
    assert (code, out, err.splitlines()[-1]) == (0, "", "mlx-saccade: 0 images: 0 found, 0 without a box, 0 failed")


def test_a_pipe_is_answered_line_by_line(shots: Path) -> None:
    command = [*PROGRAM, "locate", "--batch", "-", FOUND]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for number, (image, found) in enumerate((("a", True), ("b", False), ("none", None), ("c", True)), 1):
                process.stdin.write(json.dumps({"image": f"shots/{image}.png", "id": number}).encode() + b"\n")
                row = json.loads(_line(process))
                assert (row["line"], row["id"], row.get("found")) == (number, number, found)
            process.stdin.write(b'{"image": "shots/a.png"')  # not yet a line
            assert not select.select([process.stdout], [], [], 0.3)[0]
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        finally:
            process.kill()
        assert process.stderr is not None
        errors = process.stderr.read().decode().splitlines()
    assert errors[-2:] == [
        "mlx-saccade: stopped after 4 images: 2 found, 1 without a box, 1 failed",
        "mlx-saccade: interrupted",
    ]


def _line(process: subprocess.Popen[bytes]) -> bytes:
    """Return a line of output that comes within two minutes, though the input stays open."""
    assert process.stdout is not None
    line, end = b"", time.monotonic() + 120
    while not line.endswith(b"\n"):
        assert select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))[0], line
        line += os.read(process.stdout.fileno(), 1)
    return line
