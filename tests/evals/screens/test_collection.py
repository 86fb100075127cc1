"""The choice of screens, and a folder of them: complete, incomplete and foreign files, annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlx_saccade.errors import InputError
from mlx_saccade.evals.screens import collection
from mlx_saccade.evals.screens.applications import APPLICATIONS
from mlx_saccade.evals.screens.collection import Collection, Screen, choose_screens
from mlx_saccade.evals.screens.recorder import Moment

SIZE = (400, 300)
STATES = ["enabled", "showing", "visible"]


@pytest.fixture
def all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "installed", lambda application: True)


def screen(program: str, place: int = 0) -> Screen:
    application = next(one for one in APPLICATIONS if one.name == program)
    return Screen(application, application.states[place])


def collection_in(folder: Path) -> Collection:
    (folder / "trees").mkdir()
    return Collection(folder, SIZE)


def moment(*names: str) -> Moment:
    """Return a screen with a frame and buttons below each other, each with a drawn border."""
    pixels = np.full((300, 400, 3), 230, np.uint8)
    nodes: list[dict[str, Any]] = [
        {"parent": -1, "role": "application", "name": "a", "box": None, "states": STATES},
        {"parent": 0, "role": "frame", "name": "Main", "box": [0, 0, 400, 300], "states": STATES},
    ]
    for i, name in enumerate(names):
        pixels[10 + 40 * i : 40 + 40 * i, 10:110] = 90
        pixels[12 + 40 * i : 38 + 40 * i, 12:108] = 200
        nodes.append(
            {"parent": 1, "role": "push button", "name": name, "box": [10, 10 + 40 * i, 100, 30], "states": STATES}
        )
    return Moment(pixels, nodes, [{"box": [0, 0, 400, 300], "client": [0, 0, 400, 300], "managed": True}])


def test_names_of_screens_are_unique_and_fit_a_file() -> None:
    names = [Screen(application, state).name for application in APPLICATIONS for state in application.states]
    assert len(set(names)) == len(names) >= 40
    assert all(name.replace("-", "").isalnum() and name == name.lower() for name in names)
    assert len({application.program for application in APPLICATIONS}) >= 8


@pytest.mark.usefixtures("all_installed")
def test_choose_screens_takes_from_every_program_before_it_takes_twice() -> None:
    every = choose_screens()
    assert len(every) == sum(len(one.states) for one in APPLICATIONS)
    some = choose_screens(["gimp", "krita"], 2)
    assert [one.name for one in some] == ["gimp-main", "krita-main"]
    assert {one.application.program for one in choose_screens(["krita"])} == {"krita"}
    programs = {one.program for one in APPLICATIONS}
    assert {one.application.program for one in choose_screens(count=len(programs))} == programs


@pytest.mark.usefixtures("all_installed")
def test_choose_screens_refuses_a_name_that_is_not_known() -> None:
    with pytest.raises(InputError, match=r"--apps: expected some of gimp,.*; got 'word'"):
        choose_screens(["word"])


def test_choose_screens_names_the_package_of_a_program_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "installed", lambda application: application.program != "krita")
    with pytest.raises(InputError, match=r"--apps: not installed: krita. On Debian: apt install krita"):
        choose_screens(["gimp", "krita"])
    assert "krita" not in {one.application.program for one in choose_screens()}


def test_a_recorded_screen_is_finished_and_annotated(tmp_path: Path) -> None:
    folder = collection_in(tmp_path)
    folder._write(screen("gimp"), moment("OK", "Cancel"))
    folder._write(screen("gimp", 1), moment("OK", "Help"))
    assert [one.name for one in folder.finished()] == ["gimp-main", "gimp-menu-image"]
    entries = folder.annotate()
    assert json.loads((tmp_path / "annotations.json").read_text()) == entries
    # OK stands at the same place of both screens: it is a target of the first one only.
    assert [(one["img_filename"], one["instruction"]) for one in entries] == [
        ("gimp-main.png", 'the "OK" button'),
        ("gimp-main.png", 'the "Cancel" button'),
        ("gimp-menu-image.png", 'the "Help" button'),
    ]
    assert entries[1] == {
        "img_filename": "gimp-main.png",
        "bbox": [10, 50, 110, 80],
        "instruction": 'the "Cancel" button',
        "id": "gimp-main-1",
        "application": "GIMP",
        "platform": "linux",
        "img_size": [400, 300],
        "ui_type": "text",
        "group": "Creative",
        "role": "push button",
        "state": [],
        "unique": True,
    }
    with Image.open(tmp_path / "gimp-main.png") as image:
        assert (np.asarray(image.convert("RGB")) == moment("OK", "Cancel").pixels).all()


def test_a_screen_of_many_colors_is_written_exactly(tmp_path: Path) -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (300, 400, 3), dtype=np.uint8)
    one = moment()
    collection_in(tmp_path)._write(screen("gimp"), Moment(pixels, one.nodes, one.windows))
    with Image.open(tmp_path / "gimp-main.png") as image:
        assert (np.asarray(image.convert("RGB")) == pixels).all()


def test_an_incomplete_screen_is_recorded_again(tmp_path: Path) -> None:
    folder = collection_in(tmp_path)
    for place in range(3):
        folder._write(screen("gimp", place), moment("OK"))
    path = folder.image(screen("gimp", 1))
    path.write_bytes(path.read_bytes()[:-20])
    folder.tree(screen("gimp", 2)).unlink()
    assert [one.name for one in folder.finished()] == ["gimp-main"]


def test_screens_of_another_size_or_maker_are_refused(tmp_path: Path) -> None:
    collection_in(tmp_path)._write(screen("gimp"), moment("OK"))
    with pytest.raises(InputError, match=r"got gimp-main\.png of others"):
        Collection(tmp_path, (640, 480)).finished()
    Image.new("RGB", SIZE).save(tmp_path / "gimp-main.png")
    with pytest.raises(InputError, match=r"got gimp-main\.png of others"):
        Collection(tmp_path, SIZE).finished()


@pytest.mark.parametrize(
    "content", ["[1", "5", '[{"platform": "generated"}]', '[{"platform": "linux", "img_size": [1, 1]}]']
)
def test_a_list_of_something_else_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "annotations.json").write_text(content)
    with pytest.raises(InputError, match="Name an empty folder"):
        Collection(tmp_path, SIZE).finished()


def test_a_file_for_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="expected a folder; got a file"):
        Collection(tmp_path / "file", SIZE).finished()
