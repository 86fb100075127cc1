"""Images of the command line: standard input, raw pixels, and their place on a screen."""

from __future__ import annotations

import argparse
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest
from command_line import PROGRAM, assert_mistake, run_command
from PIL import Image

from mlx_saccade.cli import images
from mlx_saccade.cli.__main__ import main
from mlx_saccade.errors import InputError

PIXELS = np.random.RandomState(0).randint(0, 256, (120, 200, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    Image.fromarray(PIXELS).save(tmp_path / "shot.png")
    return tmp_path / "shot.png"


def with_stdin(data: bytes, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    return main(words)


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
@pytest.mark.parametrize(
    "words",
    [
        ["plan", "IMAGE"],
        ["runtimes", "IMAGE"],
        ["recommend", "--target", "0,0,20,20", "--image", "IMAGE"],
        ["locate", "IMAGE", "it", "--max-tokens", "3", "--model", "MODEL"],
        ["ask", "IMAGE", "what?", "--max-tokens", "3", "--model", "MODEL"],
    ],
    ids=lambda words: words[0],
)
def test_standard_input_is_the_image_it_holds(
    words: list[str], name: str, shot: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def filled(image: str) -> list[str]:
        return [{"IMAGE": image, "MODEL": str(folder)}.get(word, word) for word in words] + ["--json"]

    def printed() -> Any:
        plain = json.loads(capsys.readouterr().out)
        for answer in plain.get("answers", ()):
            for key in ("timings", "image", "images"):
                answer.pop(key, None)
            for look in answer["looks"]:
                look.pop("seconds")
        return plain

    assert main(filled(str(shot))) == 0
    expected = printed()
    assert with_stdin(shot.read_bytes(), monkeypatch, *filled(name)) == 0
    assert printed() == expected


def test_standard_input_through_a_real_pipe(shot: Path) -> None:
    for name in ("-", "/dev/stdin"):
        done = subprocess.run(
            [*PROGRAM, "plan", name, "--json"], input=shot.read_bytes(), capture_output=True, check=True, timeout=60
        )
        assert json.loads(done.stdout)["source_size"] == [200, 120]


def test_terminal_as_standard_input_is_refused_at_once() -> None:
    terminal, user = pty.openpty()
    try:
        for words in (["plan", "-"], ["locate", "-", "it"]):
            done = subprocess.run(
                [*PROGRAM, *words], stdin=user, capture_output=True, text=True, timeout=60, check=False
            )
            assert_mistake(done, "-: expected an image on standard input; got a terminal. Pipe one in")
    finally:
        os.close(terminal)
        os.close(user)


def test_standard_input_that_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    cases = [
        (b"", ["plan", "-"], "standard input: is empty; give an image"),
        (b"text", ["plan", "-"], "standard input: is not an image; supported formats: PNG"),
        (b"", ["ask", "-", "-", "what?"], "-: expected standard input once"),
        (b"", ["chat", "-"], "-: expected the path of an image, as standard input has the questions"),
    ]
    for data, words, message in cases:
        assert with_stdin(data, monkeypatch, *words) == 2
        assert message in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["plan", "-"]) == 2
    assert "standard input; it is closed" in capsys.readouterr().err


def test_file_named_like_standard_input_is_given_with_its_folder(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "-", "PNG")
    assert run_command("plan", "./-", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("pixel_format", ["bgra", "bgrx", "rgba", "bgr", "rgb", None])
def test_raw_pixels_are_the_image_they_hold(
    pixel_format: Any, shot: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    order = [2, 1, 0] if (pixel_format or "").startswith("bgr") else [0, 1, 2]
    pixels = PIXELS[..., order]
    if pixel_format is not None and len(pixel_format) == 4:
        pixels = np.concatenate([pixels, np.zeros_like(pixels[..., :1]) + 255], axis=2)
    (tmp_path / "shot.raw").write_bytes(pixels.tobytes())
    ask = ["what?", "--model", str(folder), "--max-tokens", "4", "--json"]
    raw = ["--raw-size", "200x120", *([] if pixel_format is None else ["--pixel-format", pixel_format])]
    assert main(["ask", str(shot), *ask]) == 0
    expected = json.loads(capsys.readouterr().out)["answers"][0]["text"]
    assert main(["ask", str(tmp_path / "shot.raw"), *ask, *raw]) == 0
    assert json.loads(capsys.readouterr().out)["answers"][0]["text"] == expected
    locate = ["locate", "-", "it", "--model", str(folder), "--max-tokens", "4", "--json", *raw]
    assert with_stdin(pixels.tobytes(), monkeypatch, *locate) == 0
    located = json.loads(capsys.readouterr().out)["answers"][0]
    assert located["frames"][0]["source_size"] == [200, 120]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pixel-format", "bgra"], "--pixel-format bgra: expected --raw-size beside it, as image files state their"),
        (["--raw-size", "200"], "--raw-size: expected WIDTHxHEIGHT; got 200"),
        (["--raw-size", "0x5"], "--raw-size: expected WIDTHxHEIGHT; got 0x5"),
        (["--raw-size", "20x10", "--pixel-format", "argb"], "--pixel-format: expected 'rgb', 'bgr',"),
        (["--raw-size", "20x10"], "four channels do not say their order"),
        (["--raw-size", "20x10", "--pixel-format", "bgr"], "expected 600 bytes for 20x10 pixels of bgr; got 800."),
        (["--raw-size", "21x10"], "expected 210 or 630 or 840 bytes for 21x10 pixels; got 800."),
        (["--raw-size", "9x9", "--pixel-format", "bgra"], "expected 324 bytes"),
    ],
)
def test_raw_pixels_that_do_not_fit_are_refused_before_a_model_is_loaded(
    words: list[str], message: str, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "shot.raw").write_bytes(bytes(800))
    for command in ("locate", "ask"):
        assert main([command, str(tmp_path / "shot.raw"), "it", "--model", "no such folder", *words]) == 2
        assert message in capsys.readouterr().err


def test_region_origin_and_scale_reach_the_json(shot: Path, folder: Path, capsys: Any, monkeypatch: Any) -> None:
    from mlx_saccade import grounding
    from mlx_saccade.grounding import reader

    text = '[{"bbox_2d": [14, 28, 56, 42], "label": "it"}]'
    monkeypatch.setattr(grounding, "read", lambda _, *rest, **named: reader.read(text, *rest, **named))
    place = ["--region", "30,20,112,84", "--origin", "-1920,40.5", "--scale", "2"]
    model = ["--model", str(folder), "--max-tokens", "1"]
    for words in (["locate", str(shot), "it"], ["ask", str(shot), "it"]):
        assert main([*words, *place, *model, "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)["answers"][0]
        assert answer["boxes"][0]["xyxy"] == [44, 48, 86, 62]
        assert answer["click"] == [65, 55]
        assert answer["screen_click"] == [65 / 2 - 1920, 55 / 2 + 40.5]
        assert answer["frames"][0]["region"] == [30, 20, 112, 84]
        assert answer["frames"][0]["source_size"] == [200, 120]
    assert main(["locate", str(shot), "it", *place, *model]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "it: 44, 48, 86, 62"
    assert lines[1] == "it: click -1887.5, 68 on the screen"
    assert lines[2] == "edges x1, y1, x2, y2 in the pixels of the 200 x 120 source"
    assert main(["locate", str(shot), "it", "--point", *place, *model]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["it: -1887.5, 68", "x, y to click on the screen: pixels / scale + origin"]
    assert main(["ask", str(shot), "it", *place, *model]) == 0
    assert "to click on the screen: -1887.5, 68" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--point"], ["--point", "--scale", "2"]])
def test_without_a_place_no_line_explains_its_numbers(
    words: list[str], shot: Path, folder: Path, capsys: Any, monkeypatch: Any
) -> None:
    from mlx_saccade import grounding
    from mlx_saccade.grounding import reader

    monkeypatch.setattr(grounding, "read", lambda _, *rest, **named: reader.read("[]", *rest, **named))
    assert main(["locate", str(shot), "it", *words, "--model", str(folder), "--max-tokens", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("it: no box") and lines[1] == "the source is 200 x 120"
    assert "visual token" in lines[2]


def test_region_is_saved_on_the_whole_picture(shot: Path, folder: Path, tmp_path: Path) -> None:
    saved = tmp_path / "boxes.png"
    words = ["--region", "30,20,112,84", "--save", str(saved), "--model", str(folder), "--max-tokens", "1"]
    assert main(["locate", str(shot), "it", *words]) == 0
    with Image.open(saved) as picture:
        assert picture.size == (200, 120)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--region", "1,2,3"], "--region: expected X,Y,WIDTH,HEIGHT in whole pixels; got 1,2,3. Write such as"),
        (["--region", "1,2,3,4.5"], "--region: expected X,Y,WIDTH,HEIGHT in whole pixels; got 1,2,3,4.5."),
        (["--region", "150,0,100,50"], "region: expected (x, y, width, height) inside the image of 200x120; got (150"),
        (["--region", "-5,0,10,10"], "inside the image of 200x120; got (-5, 0, 10, 10)"),
        (["--region", "0,0,0,10"], "sides of at least 1"),
        (["--origin", "5"], "--origin: expected X,Y; got 5. Write such as -1920,0"),
        (["--origin", "1,nan"], "--origin: expected X,Y; got 1,nan."),
        (["--scale", "0"], "--scale: expected a number above 0, or X,Y; got 0."),
        (["--scale", "2x"], "--scale: expected a number above 0, or X,Y; got 2x."),
        (["--scale", "1,2,3"], "--scale: expected a number above 0, or X,Y; got 1,2,3."),
    ],
)
def test_wrong_place_is_refused_before_a_model_is_loaded(
    words: list[str], message: str, shot: Path, capsys: Any
) -> None:
    assert main(["locate", str(shot), "it", "--model", "no such folder", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_negative_values_are_joined_to_their_option() -> None:
    join = images.join_negative_values
    assert join(["locate", "--origin", "-1920,0", "x"]) == ["locate", "--origin=-1920,0", "x"]
    assert join(["--origin", "--scale", "2"]) == ["--origin", "--scale", "2"]
    assert join(["--", "--origin", "-1"]) == ["--", "--origin", "-1"]
    assert join(["--stop", "-1"]) == ["--stop", "-1"]


def test_several_words_read_standard_input_once() -> None:
    with pytest.raises(InputError, match="got it twice"):
        images.open_words(argparse.Namespace(), ["-", "/dev/stdin"])
