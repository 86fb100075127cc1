"""What was set aside of an image is in the answer's notes, from the cache too."""

from __future__ import annotations

import io
from pathlib import Path

import checkpoints
import pictures
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.cli.__main__ import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write_whole(tmp_path_factory.mktemp("notes"))


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scans") / "scan.tif"
    images = [Image.new("L", (60, 80), level) for level in (250, 128, 20)]
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


def test_answer_says_that_other_pages_were_left_out(folder: Path, scan: Path) -> None:
    engine = saccade.load(folder)
    for _ in range(2):
        answer = engine.ask(str(scan), "?", max_tokens=1)
        assert answer.notes == answer.frames[0].notes == (f"{scan}: only page 1 of 3 pages was read",)
        assert answer.as_dict()["frames"][0]["notes"] == list(answer.notes)
    assert engine.counts.vision_calls == 1


def test_pages_are_images_of_their_own(folder: Path, scan: Path) -> None:
    engine = saccade.load(folder)
    assert len(engine.ask(media.open_pages(scan), "?", max_tokens=1).frames) == 3
    assert engine.counts.vision_calls == 3
    second = saccade.load(folder, image_options=media.ImageOptions(page=2))
    assert "page 2 of 3" in second.ask(str(scan), "?", max_tokens=1).notes[0]


def test_answer_says_that_a_profile_was_set_aside(folder: Path) -> None:
    data = pictures.encode(Image.new("RGB", (60, 80)), "PNG", icc_profile=pictures.gray_profile(2.2))
    answer = saccade.load(folder).locate(io.BytesIO(data), "it", max_tokens=1)
    assert "color profile was set aside" in answer.notes[0]


def test_page_option_of_the_command_line(folder: Path, scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--model", str(folder), "--max-tokens", "1"]
    assert main(["ask", str(scan), "?", *words, "--page", "3"]) == 0
    assert "only page 3 of 3 pages" in capsys.readouterr().err
    assert main(["ask", str(scan), "?", *words, "--page", "all", "--verbose"]) == 0
    assert capsys.readouterr().err.count("image 3") == 1
    assert main(["locate", str(scan), "it", *words, "--page", "all"]) == 2
    assert "--page: expected one page" in capsys.readouterr().err
    for page in ("4", "0", "x", "²"):
        assert main(["ask", str(scan), "?", *words, "--page", page]) == 2
        assert "page: expected" in capsys.readouterr().err
