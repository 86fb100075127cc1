"""Files and folders: which are read, as what, and which are refused with their line."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mlx_saccade.errors import InputError
from mlx_saccade.evals import screenspot
from mlx_saccade.evals.datasets import BOX_FORMATS, FORMATS, describe, open_data
from mlx_saccade.evals.datasets.reading import read_rows

HEADER = "image,description,x1,y1,x2,y2"
LINE = "a.png,the marker,30,20,50,28"


def pro(name: str, image: str = "a.png", **changes: Any) -> dict[str, Any]:
    """Return an entry of the benchmark."""
    return {
        "img_filename": image, "bbox": [30, 20, 50, 28], "instruction": f"marker of {name}", "id": name,
        "application": "paint", "platform": "linux", "img_size": [120, 90], "ui_type": "icon", "group": "Creative",
        **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{LINE}\n",
        f"{HEADER}\r\n{LINE}\r\n",
        f"\ufeff{HEADER}\r\n{LINE}",
        f"\n{HEADER.replace(',', ';')};\n\n{LINE.replace(',', ';')};\n",
        f"{HEADER}\n{LINE}\n".replace(",", "\t"),
        f"{HEADER}\n{LINE}\n".encode("utf-16"),
        f"\ufeffsep=|\r\n{HEADER}\r\n{LINE}\r\n".replace(",", "|"),
        'Image, Description, Box\na.png, "the marker", "30, 20, 50, 28"\n',
        json.dumps({"image": "a.png", "description": "the marker", "box": [30, 20, 50, 28]}),
        '\n{"image": "a.png", "description": "the marker",\t"bbox": ["30", 20, 5e1, 28.0], "more": {}}\r\n\r\n',
        json.dumps([{"image": "a.png", "instruction": "the marker", "box": "30 20 50 28", "more": None}]),
    ],
)
def test_open_data_forms_of_a_table_are_the_same(content: Any, draw: Any, write: Any) -> None:
    draw("a.png")
    (target,) = open_data(write("table.csv", content)).targets
    assert (target.image, target.description, target.expected) == ("a.png", "the marker", ((30, 20, 50, 28),))


def test_open_data_optional_columns(draw: Any, write: Any) -> None:
    draw("images/a.png")
    path = write("a.csv", f"id,{HEADER},ui_type,application,group\n7,{LINE},icon,paint,Office\n")
    data = open_data(path)
    (target,) = data.targets
    assert (target.id, target.ui_type, target.application, target.group) == ("7", "icon", "paint", "Office")
    assert data.name == "a.csv"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected targets; got an empty file"),
        (" \n", "expected targets; got an empty file"),
        ("[]", "expected targets; got an empty list"),
        (f"{HEADER}\n", "expected targets; got an empty list"),
        ("[1,\n 2", r"line 2: expected , or \] after an entry; got the end of the file"),
        ('[{"a": 1}\n{"a": 2}]', r"line 2: expected , or \] after an entry; got '\{'"),
        ('[\n{"a": 1,\n "b": }]', "line 3: expected JSON; got '}]'"),
        ('[{"a": "b', "line 1: expected JSON; got"),
        ('{"a": 1}\n{"a": oops}\n', "line 2: expected JSON; got 'oops}'"),
        ('{"a": 1} {"a": 2}\n', "line 1: expected one JSON object a line; got"),
        ('{\n "targets": [1]\n}\n', "expected a list of targets; got one object with 'targets'"),
        ("[" * 100_000, "line 1: expected an object; got JSON that is nested too deep"),
        ('{"a": ' * 100_000, "line 1: expected an object; got JSON that is nested too deep"),
        (f"{HEADER}\n{LINE},more\n", "line 2: expected 6 cells as in the header; got 7 cells"),
        (f"sep=,\n{HEADER}\n{LINE},more\n", "line 3: expected 6 cells as in the header; got 7 cells"),
        (f"{HEADER}\n{LINE}\na.png\n", "line 3: expected 6 cells as in the header; got 1 cell"),
        (f'{HEADER}\n{LINE}\n"a.png,the\nmarker', "line 3: expected a row of CSV; got unexpected end of data"),
        (f"{HEADER},x1\n{LINE},1\n", "line 1: expected each column once; got 'x1' twice"),
        (f"{LINE}\n{LINE}\n", r"line 1: expected each column once|expected the columns image, description, and a box"),
        ("name,words\na,b\n", "expected the columns image, description, and a box.*got 'name, words'"),
        (f"{HEADER}\na.png,caf\u00e9,1,2,3,4\n".encode("latin-1"), "line 2: expected UTF-8 text; got the byte 0xe9"),
        (b"PAR1\x00\x00", "expected JSON or CSV; got Parquet"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "expected JSON or CSV; got a binary file"),
        (b"\xff\xfea", "line 1: expected UTF-8 text"),
    ],
)
def test_open_data_unusable_file_is_refused_with_its_line(content: Any, message: str, draw: Any, write: Any) -> None:
    draw("a.png")
    path = write("list.txt", content)
    with pytest.raises(InputError, match=rf"list\.txt: {message}") as caught:
        open_data(path)
    assert "\n" not in str(caught.value)


def test_open_data_integers_without_end_are_left_out(draw: Any, write: Any) -> None:
    draw("a.png")
    text = json.dumps([pro(str(i)) for i in range(6)]).replace("[30, 20", f"[{'9' * 5000}, 20", 1)
    data = open_data(write("a.json", text))
    assert len(data.targets) == 5
    assert "not finite" in data.notes[1]


def test_open_data_names_in_unicode(draw: Any, write: Any) -> None:
    draw("写真/ｽｸﾘｰﾝ 🙂.png")
    path = write("写真.csv", f"{HEADER}\n写真/ｽｸﾘｰﾝ 🙂.png,“赤い” ボタン,30,20,50,28\n")
    (target,) = open_data(path).targets
    assert target.description == "“赤い” ボタン"


def test_open_data_missing_file_is_named(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json: no such file or folder"):
        open_data(tmp_path / "nowhere.json")


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "data:,x", "https://example.com/a.json"])
def test_open_data_impossible_path_is_a_missing_file(name: str) -> None:
    with pytest.raises(FileNotFoundError, match="no such file or folder") as caught:
        open_data(name)
    assert len(str(caught.value)) < 200


def test_open_data_pipe_is_refused(tmp_path: Any) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(InputError, match="is not a regular file"):
        open_data(tmp_path / "a.json")
    with pytest.raises(InputError, match="got a folder without"):
        open_data(tmp_path)


def test_open_data_folder_as_the_benchmark_lays_it_out(draw: Any, write: Any, tmp_path: Any) -> None:
    for app in ("word_mac", "vscode_mac"):
        draw(f"images/{app}/a.png")
        write(f"annotations/{app}.json", [pro(f"paint_linux_{app}_{i}", f"{app}/a.png") for i in range(2)])
    write("annotations/._word_mac.json", b"\x00\x05\x16\x07")
    write("annotations/notes.json", {"version": 1, "files": []})
    data = open_data(tmp_path)
    assert [target.id for target in data.targets] == [
        f"paint_linux_{app}_{i}" for app in ("vscode_mac", "word_mac") for i in range(2)
    ]
    assert (data.name, data.identity) == ("screenspot-pro", {"kind": "screenspot-pro", "boxes": "xyxy"})
    assert data.notes[1] == "2 lists: vscode_mac.json and word_mac.json"
    assert data.notes[2].startswith("skipped")
    # One of the lists, named by itself, finds the same images, and is part of the same benchmark.
    one = open_data(tmp_path / "annotations" / "word_mac.json")
    assert one.identity == data.identity
    assert list(one.targets) == list(data.targets)[2:]


def test_open_data_folder_of_screenspot_v2(draw: Any, write: Any, tmp_path: Any) -> None:
    for kind, source in (("desktop", "macos"), ("mobile", "ios"), ("web", "shop")):
        draw(f"screenspotv2_image/{kind}.png")
        line = {"img_filename": f"{kind}.png", "bbox": [30, 20, 20, 8], "instruction": "the marker"}
        write(f"screenspot_{kind}_v2.json", [{**line, "data_type": "text", "data_source": source}])
    data = open_data(tmp_path)
    assert [(target.group, target.application) for target in data.targets] == [
        ("desktop", "macos"), ("mobile", "ios"), ("web", "shop"),
    ]  # fmt: skip
    assert {target.expected for target in data.targets} == {((30, 20, 50, 28),)}
    assert data.identity == {"kind": "screenspot-v2", "boxes": "xywh"}
    assert len({target.id for target in data.targets}) == 3


def test_open_data_folder_without_lists_is_refused(tmp_path: Any, write: Any) -> None:
    with pytest.raises(InputError, match=r"expected annotations\.json, .*; got a folder without"):
        open_data(tmp_path)
    write("settings.json", {"a": 1, "b": {}})
    with pytest.raises(InputError, match=r"expected a list of targets; got none: skipped .*settings\.json"):
        open_data(tmp_path)


def test_open_data_folder_of_two_formats_is_refused(draw: Any, write: Any, tmp_path: Any) -> None:
    draw("a.png")
    write("a.json", [pro("a")])
    write("b.json", [{"image": "a.png", "description": "it", "box": [1, 2, 3, 4]}])
    with pytest.raises(InputError, match="expected lists of one format; got ScreenSpot-Pro"):
        open_data(tmp_path)


def test_open_data_reads_what_scenes_writes(tmp_path: Any) -> None:
    from mlx_saccade import scenes

    job = screenspot.Job(tmp_path / "screens", (480, 320), ambiguous=True, smallest=24)
    job.folder.mkdir()
    targets, pairs = [], []
    for seed in range(3):
        job.draw(seed)
        elements, ambiguous = scenes.annotate(seed, job.size, smallest=24, ambiguous=True)
        targets += screenspot.annotate(job, seed, elements)
        pairs += screenspot.annotate_pairs(job, seed, elements, ambiguous)
    screenspot.write_list(job.folder / screenspot.ANNOTATIONS, targets)
    screenspot.write_list(job.folder / screenspot.AMBIGUOUS, pairs)
    data = open_data(job.folder)
    assert [list(map(int, target.expected[0])) for target in data.targets] == [one["bbox"] for one in targets]
    assert [target.group for target in data.targets] == [one["group"] for one in targets]
    assert (data.name, data.identity["name"]) == ("screens", "screens/annotations.json")
    assert open_data(job.folder / screenspot.ANNOTATIONS).identity == data.identity
    assert any(note.startswith("skipped ambiguous.json") for note in data.notes)
    doubtful = open_data(job.folder / screenspot.AMBIGUOUS)
    assert pairs
    assert [len(target.expected) for target in doubtful.targets] == [2] * len(pairs)


def test_read_rows_gives_the_line_of_each_entry(write: Any) -> None:
    generator = random.Random(5)
    entries = [{"text": "a\nb" * generator.randrange(3), "list": [1, [2]]} for _ in range(40)]
    for indent in (None, 1):
        path = write("a.json", "\n\n [" + ",\r\n".join(json.dumps(one, indent=indent) for one in entries) + "\n]\n")
        rows = read_rows(path)
        assert [row.values for row in rows] == entries
        lines = path.read_bytes().decode().split("\n")
        assert all("{" in lines[row.line - 1] for row in rows)
        assert len({row.line for row in rows}) == 40
    table = write("a.csv", 'a,b\n1,"x\ny"\n\n2,z\n')
    assert [(row.line, row.values["a"]) for row in read_rows(table)] == [(2, "1"), (5, "2")]


@settings(max_examples=150)
@given(content=st.binary(max_size=80) | st.text(alphabet='[]{}",:;\n\t a1eE.-\\u', max_size=80).map(str.encode))
@example(content=b'[{"img_filename":"a.png","bbox":[1,2,3,4],"instruction":"x","ui_type":[]}]')
@example(content=b'[{"img_filename":"\\u0000","bbox":[1,2,3,4],"instruction":"x","group":{},"ui_type":"a"}]')
def test_open_data_any_bytes_give_a_line_for_people(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(content)
    with pytest.raises((InputError, FileNotFoundError)) as caught:
        open_data(path)
    assert "\n" not in str(caught.value)
    assert "any.txt" in str(caught.value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["a.png", "[1 2 3 4]"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)
FIELDS = (
    *("img_filename", "image", "bbox", "box", "bboxes", "instruction", "description", "id", "application", "platform"),
    *("img_size", "ui_type", "group", "data_type", "data_source", "x1", "y1", "x2", "y2"),
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    entries=st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8) | JSON, max_size=4),
    data_format=st.none() | st.sampled_from(FORMATS),
    boxes=st.none() | st.sampled_from(BOX_FORMATS),
)
def test_open_data_any_values_give_targets_or_a_line(
    entries: list[Any], data_format: Any, boxes: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "values.json"
    good = [pro(f"paint_linux_{i}", instruction=f"marker {i}") for i in range(3)]
    path.write_text(json.dumps([*good, *entries]), encoding="utf-8")
    Image.new("RGB", (120, 90)).save(path.parent / "a.png", compress_level=1)
    try:
        data = open_data(path, data_format=data_format, boxes=boxes, missing="skip", n=5)
    except InputError as error:
        assert "\n" not in str(error)
        return
    for target in data.targets:
        (x1, y1, x2, y2), *_ = target.expected
        assert 0 <= x1 < x2 <= 120 and 0 <= y1 < y2 <= 90
        assert target.regime
    assert not any("\n" in line for line in describe(data))
    json.dumps(data.identity)
