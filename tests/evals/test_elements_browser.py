"""The review page in a real browser, opened from a file: decide, correct, export, by pointer and by keyboard.

`make browser` runs these where Chromium or Chrome is found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browsers
import numpy as np
import pytest
from PIL import Image

from mlx_saccade.evals.elements import images, review, verdicts
from mlx_saccade.evals.elements.regions import Located, Settings
from mlx_saccade.evals.elements.screen import Verdict

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

NAME = "a #1 <b>.png"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsers.launched() as launched:
        yield launched


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set with three elements on one image."""
    source = tmp_path / NAME
    Image.fromarray(np.full((300, 400, 3), 90, np.uint8)).save(source)
    folder = images.check_folder(tmp_path / "set")
    (image,) = images.add_images(folder, [str(source)])
    whole = (0, 0, 400, 300)
    several = [
        Verdict(Located("the icon", (10, 20, 50, 60), (10, 20, 50, 60), whole), "accepted", "found twice"),
        Verdict(
            Located("the button", (100, 100, 180, 140), (100, 100, 180, 140), whole),
            "ambiguous",
            "also there",
            {"other": {"box": [300, 200, 380, 240]}},
        ),
        Verdict(
            Located("<img src=x onerror=window.hacked=1>", (200, 200, 210, 210), None, whole), "not localized", "x"
        ),
    ]
    entries = verdicts.entries_of(image.name, (400, 300), several)
    verdicts.write_set(folder, Settings("points"), "digest", entries)
    verdicts.write_lists(folder, entries)
    return folder


@pytest.fixture
def page(browser: Any, folder: Path) -> Iterator[Any]:
    path, _ = review.write_page(folder)
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    one, errors = context.new_page(), []
    one.on("console", lambda message: message.type in ("error", "warning") and errors.append(message.text))
    one.on("pageerror", lambda error: errors.append(str(error)))
    one.on("request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or errors.append(request.url))
    one.goto(path.as_uri())
    yield one
    assert errors == []
    assert one.evaluate("window.hacked === undefined")
    context.close()


def exported(page: Any, folder: Path) -> Path:
    with page.expect_download() as download:
        page.click("#export")
    assert download.value.suggested_filename == "decisions.json"
    path = folder / "from-page.json"
    path.write_bytes(Path(download.value.path()).read_bytes())
    return path


def lists_of(folder: Path) -> list[list[dict[str, Any]]]:
    verdicts.write_lists(folder, verdicts.read_set(folder))
    return [json.loads((folder / name).read_text()) for name in ("annotations.json", "rejected.json")]


def test_keyboard_decisions_are_exported_and_merge(page: Any, folder: Path) -> None:
    assert page.inner_text("#name") == "the icon"
    page.keyboard.press("r")
    assert page.inner_text("#name") == "the button"
    page.keyboard.press("a")
    assert page.inner_text("#name").startswith("<img src=x")
    assert page.inner_text("#progress") == "2 of 3 decided"
    assert verdicts.merge_decisions(folder, exported(page, folder)) == 2
    accepted, rejected = lists_of(folder)
    assert [one["instruction"] for one in accepted] == ["the button"]
    assert {one["instruction"] for one in rejected} == {"the icon", "<img src=x onerror=window.hacked=1>"}


def test_dragged_corner_and_new_words_are_a_correction(page: Any, folder: Path) -> None:
    corner = page.get_by_label("Right lower corner")
    at = corner.bounding_box()
    page.mouse.move(at["x"] + 12, at["y"] + 12)
    page.mouse.down()
    page.mouse.move(at["x"] + 72, at["y"] + 42, steps=5)
    page.mouse.up()
    right, bottom = (int(page.input_value(f"#edge{edge}")) for edge in (2, 3))
    assert 50 < right < 110 and 60 < bottom < 90
    page.get_by_label("Description").fill("the grey icon")
    page.click("#correct")
    verdicts.merge_decisions(folder, exported(page, folder))
    (corrected,) = lists_of(folder)[0]
    assert corrected["bbox"] == [10, 20, right, bottom]
    assert corrected["instruction"] == "the grey icon"
    assert corrected["proposed"]["bbox"] == [10, 20, 50, 60]


def test_corner_moves_by_arrow_keys_inside_the_image(page: Any) -> None:
    page.get_by_label("Left upper corner").focus()
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    assert [page.input_value(f"#edge{edge}") for edge in range(4)] == ["11", "31", "50", "60"]
    for _ in range(9):
        page.keyboard.press("Shift+ArrowRight")
    assert page.input_value("#edge0") == "49"
    for _ in range(9):
        page.keyboard.press("Shift+ArrowLeft")
    assert page.input_value("#edge0") == "0"


def test_wrong_numbers_are_named_and_not_saved(page: Any) -> None:
    for edge, value, words in ((2, "500", "inside 400"), (2, "5", "below right"), (2, "", "four numbers")):
        page.fill(f"#edge{edge}", value)
        page.click("#correct")
        assert words in page.inner_text("#problem")
    page.click("#reset")
    page.get_by_label("Description").fill(" ")
    page.click("#correct")
    assert "empty" in page.inner_text("#problem")
    assert page.inner_text("#progress") == "0 of 3 decided"
    page.focus("#words")
    page.keyboard.type("arju")  # letters in a field are no commands
    assert page.inner_text("#progress") == "0 of 3 decided"


def test_decisions_survive_a_reload_and_can_be_taken_back(page: Any) -> None:
    page.fill("#why", "wrong box")
    page.click("#reject")
    page.reload()
    assert page.inner_text("#progress") == "1 of 3 decided"
    assert page.inner_text("#decision") == "rejected: wrong box"
    page.keyboard.press("u")
    assert page.inner_text("#decision") == "undecided"
    page.select_option("#filter", "out")
    assert page.locator("#items button").count() == 2
    page.select_option("#filter", "all")
    page.keyboard.press("j")
    page.keyboard.press("w")
    assert page.get_attribute("#whole", "aria-pressed") == "true"


def test_image_is_shown_and_the_box_lies_on_it(page: Any) -> None:
    page.wait_for_function("document.getElementById('picture').naturalWidth === 400")
    page.keyboard.press("w")
    stage, box = (page.locator(name).bounding_box() for name in ("#stage", "#box"))
    scale = min(stage["width"] / 400, stage["height"] / 300)
    assert abs(box["width"] - 40 * scale) < 4
    assert abs(box["x"] - (stage["x"] + stage["width"] / 2 + scale * (10 - 200))) < 4
    assert not page.is_visible("#other")
    page.keyboard.press("j")
    other, box = (page.locator(name).bounding_box() for name in ("#other", "#box"))
    assert abs(other["x"] - box["x"] - 200 * scale) < 4
    assert abs(other["y"] - box["y"] - 100 * scale) < 4


def test_page_is_accessible_at_every_width(page: Any) -> None:
    for width, scheme in ((1280, "light"), (1280, "dark"), (390, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = axe.Axe().run(page, options={"preload": False, "resultTypes": ["violations"]}).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
