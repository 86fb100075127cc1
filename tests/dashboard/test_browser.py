"""The site in a real browser, opened from files: no error, working controls, keyboard, no request, accessible.

`make browser` runs these where Chromium or Chrome is found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browsers
import dashboard_data
import numpy as np
import pytest
from PIL import Image

from mlx_saccade import dashboard

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytest.importorskip("plotly")

ROOT = Path(__file__).parents[2]
VIEWS = ("latency", "accuracy", "runtimes", "history", "peers", "machines")
WIDTHS = (390, 1280, 3840)
SCREENSHOTS = os.environ.get("SACCADE_SCREENSHOTS")
"""Folder for pictures of every view, to be looked at; default none."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsers.launched() as launched:
        yield launched


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = dashboard_data.write(tmp_path_factory.mktemp("data"))
    site = dashboard.build(tmp_path_factory.mktemp("out") / "site", [folder, ROOT / "benchmarks" / "results"])
    return site.index.as_uri()


class Opened:
    """A page that remembers its errors and requests."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address, self.errors = page, address, []
        page.on("console", lambda message: message.type in ("error", "warning") and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._check(request.url))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog {dialog.message}"))

    def _check(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:")):
            self.errors.append(f"request to {url}")

    def show(self, view: str, query: str = "") -> Any:
        """Open a view, in the page that is open if there is one, and wait for its charts."""
        self.page.goto(f"{self.address}#{view}{query}")
        self.page.wait_for_selector(f"nav a[href='#{view}'][aria-current]" if view in VIEWS else "#view-title")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until every chart of the view is drawn."""
        self.page.wait_for_selector(".plot:not([data-drawn])", state="detached", timeout=15_000)


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Opened]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    one = Opened(context.new_page(), address)
    yield one
    assert one.errors == []
    assert one.page.evaluate("window.hacked === undefined")
    context.close()


def test_views_at_every_width_have_no_error_and_no_overflow(opened: Opened) -> None:
    page = opened.page
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": width * 5 // 8 + 500})
        for view in VIEWS:
            opened.show(view)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (view, width)
            if SCREENSHOTS:
                take_pictures(page, f"{SCREENSHOTS}/{view}-{width}")


def take_pictures(page: Any, stem: str) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(500)
        page.screenshot(path=f"{stem}-{scheme}.png", full_page=True)


def test_axe_finds_nothing_serious(opened: Opened) -> None:
    # `preload` would fetch the style sheet, which the page's policy forbids.
    options: dict[str, Any] = {"preload": False, "resultTypes": ["violations"]}
    for view in VIEWS:
        opened.page.emulate_media(color_scheme="light")
        page = opened.show(view)
        assert serious(page, options) == [], view
        page.emulate_media(color_scheme="dark")
        opened.settle()
        assert serious(page, {**options, "runOnly": ["color-contrast"]}) == [], view


def serious(page: Any, options: dict[str, Any]) -> list[tuple[str, str]]:
    """Return rule and element of each serious finding, with every table open."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    violations = axe.Axe().run(page, options=options).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in violations if one["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("view", VIEWS)
def test_every_control_works_and_is_in_the_address(view: str, opened: Opened) -> None:
    page = opened.show(view)
    for name in page.eval_on_selector_all("#view select", "all => all.map((one) => one.id)"):
        values = page.eval_on_selector_all(f"#{name} option", "all => all.map((one) => one.value)")
        for value in [*values[:0:-1][:3], *values[:1]]:
            page.select_option(f"#{name}", value)
    for radio in page.query_selector_all("#view input[type=radio]"):
        radio.check()
        opened.settle()
    address = page.evaluate("location.hash")
    assert address.startswith(f"#{view}")
    text = page.inner_text("#view")
    assert "cannot be shown" not in text
    page.goto("about:blank")
    page.goto(f"{opened.address}{address}")
    opened.settle()
    assert page.inner_text("#view") == text


def test_keyboard_reaches_views_controls_and_tables(opened: Opened) -> None:
    page = opened.show("latency")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.evaluate("location.hash") == "#latency"
    page.focus("nav a[href='#peers']")
    page.keyboard.press("Enter")
    page.wait_for_selector("#view-title:focus")
    assert page.inner_text("#view-title") == "Peers"
    assert page.get_attribute("nav a[href='#peers']", "aria-current") == "page"
    page.focus("summary >> text=Table: whole call")
    page.keyboard.press("Enter")
    assert page.is_visible("#view table caption")


def test_own_target_gives_budget_policy_and_reason(opened: Opened) -> None:
    page = opened.show("accuracy", "?tw=1600&th=900&sw=3840&sh=2160")
    assert "Budget: 1,280 tokens" in page.inner_text(".answer strong")
    page.fill("text=Target width, px", "30")
    page.fill("text=Target height, px", "24")
    answer = page.inner_text(".answer")
    assert "more than one look" in answer
    assert '"search, 20 looks"' in answer
    assert "0.923" in answer
    assert "tw=30" in page.evaluate("location.hash")
    page.fill("text=Target width, px", "0")
    assert page.get_attribute("text=Target width, px >> xpath=../input", "aria-invalid") == "true"
    page.fill("text=Target width, px", "5000")
    assert "must be inside the screen" in page.inner_text("#view")


def test_runs_show_policies_drift_and_how_sure_the_best_is(opened: Opened) -> None:
    page = opened.show("accuracy", "?size=tiny&policy=all")
    text = page.inner_text("#view figure >> nth=0")
    assert "flat: best 0.604 at 256 tokens, in 100 % of the bootstrap draws, level with none" in text
    assert "Bars are 95 % intervals." in text
    assert page.locator("#view figure >> nth=0 >> .legend .legendtext").all_text_contents() == [
        "flat",
        "zoom:share=0.4",
    ]
    assert "by the target's side in model pixels" in page.inner_text("#view figure >> nth=1")
    page.check("text=size of the box")
    opened.settle()
    assert "above 1 the boxes are bloated" in page.inner_text("#view figure >> nth=0")
    page.select_option("select:has(option:text('policies, '))", label="sweep sweep, 3b")
    opened.settle()
    assert "Accuracy against seconds: sweep sweep, 3b, tiny, below 0.1 %" in page.inner_text("#view figure >> nth=2")
    page.click("summary >> text=Table: Accuracy against seconds")
    rows = page.locator("#view figure >> nth=2 >> tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["flat, 64", "flat, 256", "zoom:share=0.4, 64"]


def test_dropped_screenshot_is_drawn_with_its_own_size(opened: Opened, tmp_path: Path) -> None:
    Image.fromarray(np.full((600, 1000, 3), (200, 30, 30), np.uint8)).save(tmp_path / "shot.png")
    page = opened.show("runtimes", "?family=all")
    page.set_input_files("input[type=file]", tmp_path / "shot.png")
    page.wait_for_selector("text=1008 × 588 px")
    labels = page.eval_on_selector_all("canvas", "all => all.map((one) => one.getAttribute('aria-label'))")
    assert labels[1] == "qwen2.5-vl: 1008 × 588 px, 36 × 21 = 756 tokens, 54 attention windows"
    pixel = page.evaluate(
        "[...document.querySelectorAll('canvas')[1].getContext('2d').getImageData(10, 10, 1, 1).data]"
    )
    assert pixel == [200, 30, 30, 255]
    (tmp_path / "text.png").write_text("no image")
    page.set_input_files("input[type=file]", tmp_path / "text.png")
    page.wait_for_selector("text=cannot show this file")


def test_strips_and_foreign_addresses_are_answered(opened: Opened) -> None:
    assert "Crop it first" in opened.show("runtimes", "?w=100000&h=10").inner_text("#view")
    assert opened.show("nowhere", "?a=b").inner_text("#view-title") == "Latency by budget"
    page = opened.show("accuracy", "?tw=<b>&set=99&__proto__=1&value=x")
    assert "60 × 40" in page.inner_text(".answer")


def test_names_of_files_are_text_everywhere(opened: Opened) -> None:
    for view in ("machines", "peers", "history"):
        page = opened.show(view)
        assert page.query_selector("#view img") is None
    assert dashboard_data.HOSTILE in opened.show("machines").inner_text("#view")
    assert "onerror=window.hacked" in opened.page.text_content(".plot .legend")


def test_tables_download_as_csv(opened: Opened) -> None:
    page = opened.show("runtimes")
    with page.expect_download() as download:
        page.click("button.csv")
    text = Path(download.value.path()).read_bytes().decode()
    assert download.value.suggested_filename == "runtimes-qwen2.5-vl.csv"
    assert text.startswith("runtime,tokens,resized,versions,")
    assert "\r\nlm-studio," in text


def test_without_data_every_view_says_what_is_missing(browser: Any, tmp_path: Path) -> None:
    one = Opened(browser.new_page(), dashboard.build(tmp_path / "site").index.as_uri())
    for view in VIEWS:
        text = one.show(view).inner_text("#view")
        assert "cannot be shown" not in text
        assert view in ("accuracy", "runtimes") or ("among the data" in text or "sent in yet" in text), view
    assert one.errors == []


def test_without_plotly_the_tables_remain(browser: Any, tmp_path: Path) -> None:
    site = dashboard.build(tmp_path / "site")
    (tmp_path / "site" / "plotly.min.js").unlink()
    page = browser.new_page()
    page.goto(f"{site.index.as_uri()}#accuracy")
    page.wait_for_selector("text=No chart: plotly.min.js is missing")
    assert page.locator("table").count() == 2
