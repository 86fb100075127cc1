"""The screens in benchmarks/real_screens: counts, sizes, boxes, and descriptions that name one element."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mlx_saccade.evals.datasets import open_data
from mlx_saccade.evals.screens.applications import APPLICATIONS
from mlx_saccade.evals.screens.roles import CONTAINERS

ROOT = Path(__file__).parents[3]
ARCHIVE = ROOT / "benchmarks" / "real_screens"
SIZE = (3840, 2160)
MAX_BYTES = 15_000_000


@pytest.fixture(scope="module")
def entries() -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads((ARCHIVE / "annotations.json").read_text(encoding="utf-8"))
    return read


def share(entry: dict[str, Any]) -> float:
    x1, y1, x2, y2 = entry["bbox"]
    return (x2 - x1) * (y2 - y1) / (SIZE[0] * SIZE[1])


def test_archive_has_enough_of_everything(entries: list[dict[str, Any]]) -> None:
    assert len(entries) >= 1500
    assert len({entry["img_filename"] for entry in entries}) >= 40
    per_application = Counter(entry["application"] for entry in entries)
    assert len([count for count in per_application.values() if count >= 20]) >= 8
    large = [entry for entry in entries if share(entry) > 0.05]
    assert len(large) >= 20
    assert len({entry["application"] for entry in large if entry["role"] in CONTAINERS}) >= 8
    assert len([entry for entry in entries if 0.01 < share(entry) <= 0.05]) >= 50
    assert len([entry for entry in entries if 0.001 < share(entry) <= 0.01]) >= 100


def test_archive_is_small_and_has_no_other_files(entries: list[dict[str, Any]]) -> None:
    files = {path.name: path.stat().st_size for path in ARCHIVE.iterdir()}
    assert files.keys() == {entry["img_filename"] for entry in entries} | {"annotations.json", "README.md"}
    assert sum(files.values()) <= MAX_BYTES


def test_every_screen_has_the_size_of_its_annotations(entries: list[dict[str, Any]]) -> None:
    assert {tuple(entry["img_size"]) for entry in entries} == {SIZE}
    for name in {entry["img_filename"] for entry in entries}:
        with Image.open(ARCHIVE / name) as image:
            assert image.size == SIZE


def test_every_box_is_inside_its_screen(entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        x1, y1, x2, y2 = entry["bbox"]
        assert 0 <= x1 < x2 <= SIZE[0], entry
        assert 0 <= y1 < y2 <= SIZE[1], entry
        assert min(x2 - x1, y2 - y1) >= 4, entry


def test_nothing_is_there_twice(entries: list[dict[str, Any]]) -> None:
    assert len({entry["id"] for entry in entries}) == len(entries)
    places = Counter((entry["img_filename"], *entry["bbox"]) for entry in entries)
    assert places.most_common(1)[0][1] == 1
    repeated = Counter((entry["application"], entry["instruction"], *entry["bbox"]) for entry in entries)
    assert repeated.most_common(1)[0][1] == 1


def test_every_description_names_one_element_of_its_screen(entries: list[dict[str, Any]]) -> None:
    assert all(entry["unique"] is True for entry in entries)
    texts = Counter((entry["img_filename"], entry["instruction"].casefold()) for entry in entries)
    assert texts.most_common(1)[0][1] == 1


def test_descriptions_are_words_and_fields_are_known(entries: list[dict[str, Any]]) -> None:
    titles = {application.title: application.group for application in APPLICATIONS}
    for entry in entries:
        assert re.fullmatch(r"the [^\n\t]{3,}", entry["instruction"]), entry
        assert titles[entry["application"]] == entry["group"]
        assert entry["platform"] == "linux"
        assert entry["ui_type"] in ("text", "icon")
        assert set(entry["state"]) <= {"checked", "disabled", "expanded", "focused", "selected"}


def test_archive_opens_as_data_to_measure_with(entries: list[dict[str, Any]]) -> None:
    data = open_data(ARCHIVE)
    assert len(data.targets) == len(entries)
    assert data.targets[0].image_size == SIZE


def test_readme_has_the_counts_of_the_archive(entries: list[dict[str, Any]]) -> None:
    text = (ARCHIVE / "README.md").read_text(encoding="utf-8")
    screens = len({entry["img_filename"] for entry in entries})
    assert f"{screens} screens" in text
    assert f"{len(entries):,} boxes" in text
    for title, count in Counter(entry["application"] for entry in entries).items():
        assert re.search(rf"^\| {re.escape(title)} \|.*\| {count} \|", text, re.MULTILINE), (title, count)


def test_wheel_has_only_the_package() -> None:
    assert 'wheel.packages = ["python/mlx_saccade"]' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert ROOT / "python" / "mlx_saccade" not in ARCHIVE.parents
