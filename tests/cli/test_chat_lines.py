"""Paths of images in a line of a chat, as terminals and people write them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mlx_saccade.cli.__main__ import main
from mlx_saccade.cli.chat_lines import ImagePath, paths, split


@pytest.fixture
def shots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "my shots"
    folder.mkdir()
    for name in ("a.png", "b c.png", "d\u202fPM.png", "e's.jpg", "noend"):
        with (folder / name).open("wb") as stream:
            Image.new("RGB", (64, 48), (9, 9, 200)).save(stream, "PNG")
    for name in ("clip.mp4", "film"):
        (folder / name).write_bytes(b"\0\0\0\x14ftypisom\0\0\0\0isom")
    (folder / "notes.txt").write_text("hello")
    (folder / "broken.png").write_text("hello")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a.png", ["a.png"]),
        ("a.png what is it?", ["a.png", "=what is it?"]),
        ("what is in a.png?", ["=what is in", "a.png", "=?"]),
        ("compare a.png with 'b c.png', please", ["=compare", "a.png", "=with", "b c.png", "=, please"]),
        (r"b\ c.png and ./a.png", ["b c.png", "=and", "./a.png"]),
        ("./b c.png what?", ["./b c.png", "=what?"]),
        ('"d\u202fPM.png" what?', ["d\u202fPM.png", "=what?"]),
        ("./d PM.png what?", ["d\u202fPM.png", "=what?"]),
        (r"e\'s.jpg what's it", ["e's.jpg", "=what's it"]),
        ("./noend what?", ["./noend", "=what?"]),
        ("what happens in clip.mp4?", ["=what happens in", "clip.mp4", "=?"]),
        ("./clip.mp4 and ./film", ["./clip.mp4", "=and", "./film"]),
        ("noend what?", ["=noend what?"]),
        ("what about notes.txt and ./notes.txt", ["=what about notes.txt and ./notes.txt"]),
        ("./broken.png?", ["./broken.png", "=?"]),
        ("and/or 1/2 /etc /help me", ["=and/or 1/2 /etc /help me"]),
        ("https://localhost/a.png", ["=https://localhost/a.png"]),
        ("it's 'a.png", ["=it's 'a.png"]),
        ("\\", ["=\\"]),
    ],
)
@pytest.mark.usefixtures("shots")
def test_line_is_split_at_the_paths_of_images(line: str, expected: list[str]) -> None:
    parts, notes = split(line)
    assert [part.path if isinstance(part, ImagePath) else f"={part}" for part in parts] == expected
    assert notes == []


def test_absolute_home_and_file_url_paths_are_recognized(shots: Path) -> None:
    escaped = str(shots / "b c.png").replace(" ", r"\ ")
    for line in (
        str(shots / "b c.png"),
        escaped,
        f"{escaped} ",
        f"'{shots / 'b c.png'}'",
        (shots / "b c.png").as_uri(),
    ):
        assert split(line)[0] == [ImagePath(str(shots / "b c.png"))]
    assert split("~/my\\ shots/a.png what?")[0] == [ImagePath(str(shots / "a.png")), "what?"]
    assert split(f"{shots / 'b c.png'} what is it?")[0] == [ImagePath(str(shots / "b c.png")), "what is it?"]


@pytest.mark.usefixtures("shots")
def test_missing_image_is_noted_and_stays_text() -> None:
    parts, notes = split("/gone/a.png what?")
    assert parts == ["/gone/a.png what?"]
    assert len(notes) == 1
    assert notes[0].startswith("/gone/a.png: no such file")


@pytest.mark.usefixtures("shots")
def test_paths_after_a_command() -> None:
    assert paths("b c.png") == ["b c.png"]
    assert paths("~/my shots/b c.png") == [str(Path.cwd() / "b c.png")]
    assert paths("d PM.png") == ["d\u202fPM.png"]
    assert paths(r"b\ c.png 'a.png'") == ["b c.png", "a.png"]
    assert paths("https://localhost/a.png") == ["https://localhost/a.png"]


@settings(max_examples=200)
@given(st.text(st.sampled_from("ab ./\\'\"~:?\0\u202f\ud800") | st.characters(), max_size=30))
def test_any_line_is_split(line: str) -> None:
    parts, _ = split(line.strip())
    assert all(parts)
    paths(line)


def chat(monkeypatch: pytest.MonkeyPatch, capsys: Any, lines: list[str], *words: str) -> tuple[list[Any], str]:
    text = "".join(line + "\n" for line in lines).encode("utf-8")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text), "utf-8"))
    assert main(["chat", "--json", "--max-tokens", "1", *words]) == 0
    out, err = capsys.readouterr()
    objects = [json.loads(line) for line in out.splitlines()]
    return [row for value in objects for row in value.get("answers", [value])], err


@pytest.mark.usefixtures("shots")
def test_images_come_at_any_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["hello", "/image b c.png", "what?", "./a.png and this?", "a.png", "/help", "all?"]
    answers, err = chat(monkeypatch, capsys, lines)
    assert [len(answer["frames"]) for answer in answers] == [0, 1, 2, 3]
    assert err.count("images for the next question: 1") == 2
    assert "/image PATH" in err


@pytest.mark.usefixtures("shots")
def test_wrong_images_are_said_and_lines_with_a_slash_are_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["/image", "/image gone.png", "/image broken.png", "./broken.png what?", "/etc is what?", "/nothing"]
    answers, err = chat(monkeypatch, capsys, lines)
    errors = [answer["error"]["message"] for answer in answers if "error" in answer]
    assert [answer["frames"] for answer in answers if "error" not in answer] == [[], []]
    mistakes = ("/image: expected a path", "gone.png: no such file", "broken.png: is not an image", "broken.png: is")
    for mistake, message in zip(mistakes, errors, strict=True):
        assert mistake in message
        assert mistake in err
