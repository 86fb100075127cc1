"""`--cache-memory` and `--cache-dir` from the outside, with the packaged checkpoint."""

from __future__ import annotations

from pathlib import Path

import pictures
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.cli.__main__ import main
from mlx_saccade.engine import Engine


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    """The engines that the command line loads."""
    engines: list[Engine] = []
    load = saccade.engine.load

    def recorded(*arguments: object, **message: object) -> Engine:
        engines.append(load(*arguments, **message))  # type: ignore[arg-type]
        return engines[-1]

    monkeypatch.setattr(saccade.engine, "load", recorded)
    return engines


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(pictures.noise(150, 110)).save(path)
    return path


def test_a_second_run_finds_the_image_in_the_folder(
    engines: list[Engine], picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = []
    for _ in range(2):
        assert main(["ask", str(picture), "what is it?", "--max-tokens", "3", "--cache-dir", str(tmp_path / "c")]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert [(engine.counts.decodes, engine.counts.vision_calls) for engine in engines] == [(1, 1), (0, 0)]


def test_several_descriptions_read_the_image_once(engines: list[Engine], picture: Path) -> None:
    words = ["the red button", "the blue bar", "the star"]
    assert main(["locate", str(picture), *words, "--max-tokens", "2"]) == 0
    assert main(["locate", str(picture), *words, "--max-tokens", "2", "--cache-memory", "0"]) == 0
    cached, cold = (engine.counts for engine in engines)
    assert (cached.vision_calls, cold.vision_calls) == (1, 1)
    assert cached.prefill_tokens + cached.reused_tokens == cold.prefill_tokens
    assert cached.reused_tokens > 2 * 15
    assert cold.bytes == cold.reused_tokens == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--cache-memory", "lots"), "--cache-memory: expected an amount of memory"),
        (("--cache-dir", "a.png"), "cache folder a.png"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(
    words: tuple[str, ...],
    message: str,
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(picture.parent)
    assert main(["ask", "a.png", "what?", *words]) == 2
    output = capsys.readouterr()
    lines = [line for line in output.err.splitlines() if "generated screens only" not in line]
    assert (output.out, len(lines)) == ("", 1)
    assert message in lines[0]
