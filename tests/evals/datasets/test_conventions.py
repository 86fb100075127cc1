"""Each format's coordinates: the box that is read covers the marker that was drawn, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade import media
from mlx_saccade.errors import InputError
from mlx_saccade.evals.datasets import BOX_FORMATS, open_data
from mlx_saccade.evals.datasets.boxes import four_numbers, to_edges

X1, Y1, X2, Y2 = MARKER = (30, 20, 50, 28)
WIDTH, HEIGHT = SIZE = (120, 90)

PRO = {"img_filename": "a.png", "instruction": "the marker", "id": "a_0", "ui_type": "icon", "img_size": [120, 90]}
V2 = {"img_filename": "a.png", "instruction": "the marker", "data_type": "icon", "data_source": "windows"}
TABLE = {"image": "a.png", "description": "the marker"}

FILES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "ScreenSpot-Pro": ([{**PRO, "bbox": [X1, Y1, X2, Y2]}], {}, "bbox x1, y1, x2, y2 in pixels"),
    "ScreenSpot-v2": ([{**V2, "bbox": [X1, Y1, X2 - X1, Y2 - Y1]}], {}, "bbox x, y, width, height in pixels"),
    "columns of edges": ([{**TABLE, "x1": X1, "y1": Y1, "x2": X2, "y2": Y2}], {}, ": x1, y1, x2, y2 in pixels"),
    "columns of sizes": ([{**TABLE, "x": X1, "y": Y1, "w": 20, "h": 8}], {}, "x, y, w, h as x, y, width, height in"),
    "box": ([{**TABLE, "box": [X1, Y1, X2, Y2]}], {}, "box x1, y1, x2, y2 in pixels"),
    "xywh": ([{**TABLE, "xywh": [X1, Y1, 20, 8]}], {}, "xywh x, y, width, height in pixels"),
    "box by option": ([{**TABLE, "box": [X1, Y1, 20, 8]}], {"boxes": "xywh"}, "box x, y, width, height in pixels"),
    "normalized": (
        [{**TABLE, "bbox": [X1 / WIDTH, Y1 / HEIGHT, X2 / WIDTH, Y2 / HEIGHT]}],
        {"boxes": "xyxy-normalized"},
        "bbox x1, y1, x2, y2 from 0 to 1",
    ),
    "normalized sizes": (
        [{**V2, "bbox": [X1 / WIDTH, Y1 / HEIGHT, 20 / WIDTH, 8 / HEIGHT]}],
        {"boxes": "xywh-normalized"},
        "bbox x, y, width, height from 0 to 1",
    ),
    "text": ("image;description;bbox\na.png;the marker;[30, 20, 50, 28]\n", {}, "bbox x1, y1, x2, y2 in pixels"),
    "csv": ("image,instruction,x1,y1,x2,y2\na.png,the marker,30,20,50,28\n", {}, ": x1, y1, x2, y2 in pixels"),
}


@pytest.mark.parametrize("case", FILES)
def test_open_data_box_covers_the_marker(case: str, draw: Any, write: Any) -> None:
    content, options, words = FILES[case]
    draw("a.png")
    data = open_data(write("list.txt", content), **options)
    (target,) = data.targets
    pixels = media.open_image(data.open(target)).pixels
    rows, columns = np.nonzero((pixels == (255, 0, 0)).all(axis=2))
    around = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    assert np.allclose(target.expected, [around])
    assert (target.image_size, target.description) == (SIZE, "the marker")
    assert words in data.notes[0]


def test_open_data_rotated_image_is_read_upright(draw: Any, write: Any) -> None:
    draw("a.jpg", exif=_orientation(6))
    entry = {**PRO, "img_filename": "a.jpg", "img_size": [90, 120], "bbox": [HEIGHT - Y2, X1, HEIGHT - Y1, X2]}
    (target,) = open_data(write("a.json", [entry])).targets
    assert target.image_size == (90, 120)
    assert target.expected == ((62, 30, 70, 50),)


def test_open_data_size_before_orientation_is_left_out(draw: Any, write: Any) -> None:
    draw("a.jpg", exif=_orientation(6))
    path = write("a.json", [{**PRO, "img_filename": "a.jpg", "bbox": list(MARKER)}])
    with pytest.raises(InputError, match=r"EXIF orientation turns.*line 2.*expected the stated 120x90 upright; got 90"):
        open_data(path)


def _orientation(value: int) -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def test_open_data_lists_of_both_benchmarks_are_told_apart(draw: Any, write: Any) -> None:
    draw("a.png")
    bare = {"img_filename": "a.png", "instruction": "the marker", "bbox": list(MARKER)}
    path = write("a.json", [bare])
    with pytest.raises(InputError, match=r"a\.json: expected img_size or ui_type .* to know the order of bbox"):
        open_data(path)
    boxes = {name: open_data(path, data_format=name).targets[0].expected[0] for name in ("screenspot-pro", "table")}
    assert boxes == {"screenspot-pro": MARKER, "table": MARKER}
    assert open_data(path, data_format="screenspot-v2").targets[0].expected == ((30, 20, 80, 48),)


def test_open_data_numbers_up_to_one_are_refused_unless_stated(draw: Any, write: Any) -> None:
    draw("a.png")
    path = write("a.json", [{**TABLE, "box": [0.25, 0.2, 0.5, 0.3]}])
    with pytest.raises(InputError, match=r"box x1, y1, x2, y2 in pixels; got numbers up to 1 alone.*xyxy-normalized"):
        open_data(path)
    assert open_data(path, boxes="xyxy-normalized").targets[0].expected == ((30, 18, 60, 27),)
    assert open_data(path, boxes="xyxy").targets[0].expected == ((0.25, 0.2, 0.5, 0.3),)


def test_open_data_shares_among_pixels_are_left_out_and_shares_over_the_edge_refused(draw: Any, write: Any) -> None:
    draw("a.png")
    pixels = {**TABLE, "box": [10, 10, 40, 40]}
    data = open_data(write("a.json", [pixels, {**TABLE, "box": [0.25, 0.2, 0.5, 0.3]}]))
    assert [target.expected for target in data.targets] == [((10, 10, 40, 40),)]
    assert "left out 1 target with a box of less than a pixel" in "\n".join(data.notes)
    path = write("b.json", [{**TABLE, "box": [0.25, 0.2, 0.5, 0.3]}, {**TABLE, "box": [0.9, 0.5, 1.01, 0.6]}])
    with pytest.raises(InputError, match=r"below a pixel.*boxes='xyxy-normalized'"):
        open_data(path)


@pytest.mark.parametrize(
    ("box", "options", "best"),
    [
        ([60, 40, 20, 8], {"data_format": "screenspot-pro"}, "xywh"),
        ([60, 40, 110, 80], {"data_format": "screenspot-v2"}, "xyxy"),
    ],
)
def test_open_data_boxes_of_the_other_order_are_refused(
    box: list[int], options: dict[str, Any], best: str, draw: Any, write: Any
) -> None:
    draw("a.png")
    entries = [{**TABLE, "img_filename": "a.png", "instruction": str(i), "bbox": box} for i in range(3)]
    path = write("a.json", entries)
    with pytest.raises(InputError, match=rf"got 3 of 3 boxes that are reversed.*line 2.*boxes='{best}'"):
        open_data(path, **options)
    data = open_data(path, **options, boxes=best)
    assert len(data.targets) == 3


def test_open_data_option_that_contradicts_columns_is_refused(draw: Any, write: Any) -> None:
    draw("a.png")
    path = write("a.csv", "image,description,x1,y1,x2,y2\na.png,the marker,0.25,0.2,0.5,0.3\n")
    with pytest.raises(InputError, match="expected boxes as the columns x1, y1, x2, y2 name them; got xywh"):
        open_data(path, boxes="xywh")
    assert open_data(path, boxes="xyxy-normalized").targets[0].expected == ((30, 18, 60, 27),)


@given(st.tuples(*[st.floats(0, 1000)] * 2), st.tuples(*[st.floats(0, 1000)] * 2), st.sampled_from(BOX_FORMATS))
def test_to_edges_inverts_each_convention(
    corner: tuple[float, float], extent: tuple[float, float], convention: str
) -> None:
    size = (640, 480)
    (x, y), (width, height) = corner, extent
    numbers = [x, y, x + width, y + height] if convention.startswith("xyxy") else [x, y, width, height]
    if convention.endswith("normalized"):
        numbers = [number / side for number, side in zip(numbers, size * 2, strict=True)]
    edges = to_edges(numbers, convention, size)  # type: ignore[arg-type]
    assert np.allclose(edges, (x, y, x + width, y + height))


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ([1, 2.5, 3, 4], (1, 2.5, 3, 4)),
        ("[1, 2, 3, 4]", (1, 2, 3, 4)),
        ("(1 2 3 4)", (1, 2, 3, 4)),
        ("1;2;3;4e1", (1, 2, 3, 40)),
        (["1", "2", "3", " 4 "], (1, 2, 3, 4)),
        ("1 2 3", None),
        ("1_0 2 3 4", None),
        ("٣ 2 3 4", None),
        ([True, 2, 3, 4], None),
        ([None, 2, 3, 4], None),
        ([[1], 2, 3, 4], None),
        ({"x1": 1}, None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_four_numbers(value: Any, numbers: Any) -> None:
    assert four_numbers(value) == numbers


def test_four_numbers_huge_integer_is_infinite() -> None:
    assert four_numbers([10**400, 0, 1, 1]) == (float("inf"), 0, 1, 1)


def test_open_data_absolute_path_of_an_image(draw: Any, write: Any, tmp_path: Path) -> None:
    image = draw("elsewhere/a.png")
    path = write("lists/a.csv", f"image,description,box\n{image},the marker,30 20 50 28\n")
    data = open_data(path)
    assert data.open(data.targets[0]) == image
