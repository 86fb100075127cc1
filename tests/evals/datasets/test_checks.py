"""What is checked before the first question: what is refused, what is left out, and what is kept with a note."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest

from mlx_saccade.errors import InputError
from mlx_saccade.evals.datasets import FileDataSet, describe, open_data


def entry(**changes: Any) -> dict[str, Any]:
    """Return an entry in ScreenSpot-Pro's fields."""
    whole = {
        "img_filename": "a.png",
        "bbox": [30, 20, 50, 28],
        "instruction": "the marker",
        "id": "a_0",
        "application": "paint",
        "platform": "linux",
        "img_size": [120, 90],
        "ui_type": "icon",
        "group": "Creative",
    }
    return {**whole, **changes}


ENTRY_LINES = json.dumps([entry()], indent=1).count("\n") - 1


@pytest.fixture
def read(draw: Any, write: Any) -> Any:
    """Return a function that opens a list of one good entry and others."""
    draw("a.png")

    def read(*others: Any, **options: Any) -> FileDataSet:
        data = open_data(write("list.json", [entry(), *others]), **options)
        assert isinstance(data, FileDataSet)
        return data

    return read


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"instruction": " \t"}, "an empty description"),
        ({"instruction": None}, "an empty description"),
        ({"instruction": ["a"]}, "an empty description"),
        ({"instruction": "\ud800"}, "not valid Unicode"),
        ({"img_filename": ""}, "no name of an image"),
        ({"img_filename": 3}, "no name of an image"),
        ({"bbox": [1, 2, 3]}, "not four numbers"),
        ({"bbox": None}, "not four numbers"),
        ({"bbox": [1, 2, "x", 4]}, "not four numbers"),
        ({"bbox": [True, 2, 3, 4]}, "not four numbers"),
        ({"bbox": [1, 2, math.nan, 4]}, "not finite"),
        ({"bbox": [1, 2, math.inf, 4]}, "not finite"),
        ({"bbox": [50, 20, 30, 28]}, "a reversed box"),
        ({"bbox": [30, 20, 30, 28]}, "an empty box"),
        ({"bbox": [300, 20, 330, 28]}, "a box outside its image"),
        ({"bbox": [110, 20, 140, 28]}, "a box outside its image"),
        ({"img_size": [60, 45]}, r"another size than stated.*a\.png: expected 60x45; got 120x90"),
        ({"id": "other"}, r"image, description and box as another.*\(as .*list\.json: line 2\)"),
    ],
)
def test_open_data_unusable_entry_is_left_out_with_its_line(changes: Any, note: str, read: Any) -> None:
    # Several good entries: one wrong box in two would put the convention of all in doubt.
    good = [entry(id=f"good {i}", instruction=f"marker {i}") for i in range(5)]
    data = read(entry(id="bad", **changes) if "id" not in changes else entry(**changes), *good)
    assert [target.id for target in data.targets] == ["a_0", *(one["id"] for one in good)]
    assert any(line.startswith("left out 1 target with ") for line in data.notes)
    (text,) = [line for line in data.notes if line.startswith("left out")]
    assert re.search(note, text)
    assert f"list.json: line {2 + ENTRY_LINES} (" in text


def test_open_data_entry_that_is_no_object_is_left_out(read: Any) -> None:
    data = read(3, [1], "x", None)
    assert len(data.targets) == 1
    assert "left out 4 targets with no name of an image" in data.notes[1]


def test_open_data_box_over_the_edge_is_cut(read: Any) -> None:
    data = read(entry(id="edge", bbox=[35, -1, 51, 19]))
    assert data.targets[1].expected == ((35, 0, 51, 19),)
    assert "kept 1 target with a box over the edge of its image, cut there" in data.notes[1]


def test_open_data_name_twice_is_renamed_for_good(read: Any) -> None:
    other = entry(instruction="another", bbox=[1, 2, 9, 9])
    data = read(other)
    names = [target.id for target in data.targets]
    assert names[0] == "a_0"
    assert names[1].startswith("a_0#")
    assert "a name that another has, renamed" in data.notes[1]
    assert [target.id for target in read(entry(id="b", instruction="more"), other).targets][2] == names[1]


def test_open_data_question_with_two_boxes_is_kept_and_noted(read: Any) -> None:
    data = read(entry(id="b", bbox=[1, 2, 9, 9]))
    assert len(data.targets) == 2
    assert "image and description as another, and another box" in data.notes[1]


def test_open_data_several_boxes_are_all_expected(read: Any) -> None:
    data = read(entry(id="b", instruction="a marker", bboxes=[[30, 20, 50, 28], [60, 20, 80, 28]]))
    assert data.targets[1].expected == ((30, 20, 50, 28), (60, 20, 80, 28))


def test_open_data_nothing_left_is_refused(draw: Any, write: Any) -> None:
    draw("a.png")
    with pytest.raises(InputError, match="expected at least one target; got none: left out 1 target with an empty des"):
        open_data(write("a.json", [entry(instruction="")]))


def test_open_data_missing_images_are_named_and_counted(read: Any, tmp_path: Any) -> None:
    others = [entry(id=f"b{i}", img_filename=f"lost/{i % 2}.png") for i in range(3)]
    with pytest.raises(InputError) as caught:
        read(*others)
    message = str(caught.value)
    assert "expected 3 images; 2 of them missing or unreadable, the first 'lost/0.png'" in message
    assert f"list.json: line {2 + ENTRY_LINES}: no such file" in message
    assert f"looked for in {tmp_path}" in message
    assert "leave 3 targets out with missing='skip'" in message
    data = read(*others, missing="skip")
    assert len(data.targets) == 1
    assert "left out 3 targets with a missing or unreadable image" in data.notes[1]


def test_open_data_missing_images_are_kept_where_their_size_is_stated(read: Any) -> None:
    lost = entry(id="b", img_filename="lost.png")
    data = read(lost, entry(id="c", img_filename="lost too.png", img_size=None), missing="keep")
    assert [target.id for target in data.targets] == ["a_0", "b"]
    assert any("kept 1 target with a missing image" in note for note in data.notes)
    with pytest.raises(FileNotFoundError, match=r"lost\.png: no such file; it is the image of b"):
        data.open(data.targets[1])
    with pytest.raises(FileNotFoundError):
        data.image_id(data.targets[1])


def test_open_data_damaged_image_is_as_a_missing_one(read: Any, write: Any) -> None:
    write("broken.png", b"\x89PNG\r\n\x1a\n")
    broken = entry(id="b", img_filename="broken.png")
    with pytest.raises(InputError, match=r"1 of them missing or unreadable, the first 'broken\.png'"):
        read(broken)
    assert len(read(broken, missing="skip").targets) == 1


def test_open_data_image_of_another_look_is_found(draw: Any, write: Any) -> None:
    # macOS writes a narrow no-break space before "PM", and accents apart from their letters.
    draw("Screenshot 3.16\u202fPM cafe\u0301.png")
    named = entry(img_filename="Screenshot 3.16 PM caf\u00e9.png")
    assert len(open_data(write("list.json", [named])).targets) == 1


def test_open_data_images_option_is_the_only_place(draw: Any, write: Any, tmp_path: Any) -> None:
    draw("a.png", size=(12, 9), box=(1, 1, 2, 2))
    right = draw("elsewhere/a.png")
    path = write("list.json", [entry()])
    data = open_data(path, images=tmp_path / "elsewhere")
    assert data.open(data.targets[0]) == right
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder for images"):
        open_data(path, images=tmp_path / "nowhere")


def test_image_id_changes_with_the_content(read: Any, draw: Any) -> None:
    data = read()
    first = data.image_id(data.targets[0])
    assert len(first) == 16
    assert data.image_id(data.targets[0]) == first
    draw("a.png", box=(0, 0, 9, 9))
    assert data.image_id(data.targets[0]) != first


def test_image_id_of_a_file_that_is_gone_is_refused(read: Any, tmp_path: Any) -> None:
    data = read()
    (tmp_path / "a.png").unlink()
    for method in (data.open, data.image_id):
        with pytest.raises(FileNotFoundError, match=r"a\.png: no such file"):
            method(data.targets[0])


def test_describe_counts_everything(read: Any) -> None:
    data = read(entry(id="b", instruction="the file menu", bbox=[1, 2, 100, 80], ui_type="text", application=""))
    assert describe(data)[:6] == [
        "list.json: 2 targets on 1 screen",
        "by size: large 1, medium 1, small 0, tiny 0",
        "by type: icon 1, text 1",
        "by group: Creative 2",
        "by application: paint 1, not stated 1",
        "read as ScreenSpot-Pro: bbox x1, y1, x2, y2 in pixels",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data_format": "coco"}, "data_format: expected one of screenspot-pro, screenspot-v2, table; got 'coco'"),
        ({"boxes": "yxyx"}, "boxes: expected one of xyxy, xywh, xyxy-normalized, xywh-normalized; got 'yxyx'"),
        ({"n": 0}, "n: expected a whole number of at least 1; got 0"),
        ({"n": 1.5}, "n: expected a whole number of at least 1; got 1.5"),
        ({"seed": -1}, "seed: expected a whole number of at least 0; got -1"),
        ({"missing": "ignore"}, "missing: expected refuse, skip or keep; got 'ignore'"),
    ],
)
def test_open_data_bad_option_is_refused(options: Any, message: str, read: Any) -> None:
    with pytest.raises(InputError, match=message):
        read(**options)


@pytest.mark.parametrize("source", [None, 5, "", b"list.json"])
def test_open_data_source_that_is_no_path_is_refused(source: Any) -> None:
    with pytest.raises(InputError, match="data: expected the path of a file or folder; got"):
        open_data(source)


def test_open_data_reports_each_image(read: Any, draw: Any) -> None:
    draw("b.png")
    calls: list[tuple[int, int]] = []
    read(entry(id="b", img_filename="b.png"), advance=lambda *counts: calls.append(counts))
    assert calls == [(1, 2), (2, 2)]
