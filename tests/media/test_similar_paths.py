"""A path that looks like that of a file is found, though its spaces or accents are stored in another form."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from mlx_saccade import media
from mlx_saccade.cli.__main__ import main


def write(path: Path, level: int = 7) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (9, 9), level).save(path)
    return path


SPACES = ["\u202f", "\u00a0", "\u2009", "\u3000"]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("typed", [" ", "\u00a0"])
def test_other_kinds_of_space_are_found(tmp_path: Path, space: str, typed: str) -> None:
    write(tmp_path / f"Bildschirmfoto{space}2026 um 4.42.48{space}PM.png")
    path = tmp_path / f"Bildschirmfoto{typed}2026 um 4.42.48{typed}PM.png"
    assert media.open_image(str(path)).pixels[0, 0, 0] == 7
    assert media.image_size(path) == (9, 9)
    assert media.open_image(path.as_uri()).pixels[0, 0, 0] == 7


@pytest.mark.parametrize(("stored", "typed"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_other_unicode_forms_are_found_in_folders_too(tmp_path: Path, stored: str, typed: str) -> None:
    name = "Bücher\u00a0é/Snímek obrazovky v\u00a013.05.png"
    write(tmp_path / unicodedata.normalize(stored, name))
    path = tmp_path / unicodedata.normalize(typed, name).replace("\u00a0", " ")
    assert media.open_image(path).pixels[0, 0, 0] == 7


def test_exact_name_wins(tmp_path: Path) -> None:
    write(tmp_path / "a\u202fb.png", 1)
    write(tmp_path / "a b.png", 2)
    assert media.open_image(tmp_path / "a b.png").pixels[0, 0, 0] == 2
    assert media.open_image(tmp_path / "a\u202fb.png").pixels[0, 0, 0] == 1


def test_several_that_fit_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a\u202fb.png")
    write(tmp_path / "a\u00a0b.png")
    with pytest.raises(FileNotFoundError, match="2 differ from it only in spaces or Unicode form") as error:
        media.open_image(tmp_path / "a b.png")
    assert "u202f" in str(error.value)
    assert "xa0" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["ab.png", "a  b.png", "A b.png", "a b.jpg", "", "missing/a b.png"])
def test_other_differences_are_no_such_file(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "shots" / "a\u202fb.png")
    monkeypatch.chdir(tmp_path / "shots")
    with pytest.raises(FileNotFoundError, match="no such file; check the path"):
        media.open_image(name)
    assert media.image_size("a b.png") == (9, 9)


@pytest.mark.parametrize("words", [("locate", "it", "--max-tokens", "1", "--save"), ("plan", "--picture")])
def test_image_under_another_spelling_is_not_written_over(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    stored = write(tmp_path / "a\u202fb.png")
    before = stored.read_bytes()
    command, *rest = words
    assert main([command, str(tmp_path / "a b.png"), *rest, str(stored)]) == 2
    assert "got the image itself" in capsys.readouterr().err
    assert stored.read_bytes() == before
