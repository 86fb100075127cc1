"""The guide "Screenshot to click" with the real mss and PyAutoGUI, on a virtual X11 display with the demo's screen.

Part of `make check-long`, which installs both; needs Xvfb (Debian: xvfb). The window with the picture receives the
clicks, and says where.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mlx_saccade as saccade

pytestmark = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb")
for package in ("mss", "pyautogui"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package}", allow_module_level=True)

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "screenshot-to-click.md"
ASSETS = resources.files("mlx_saccade") / "assets" / "demo"
WIDTH, HEIGHT = 1920, 1080
TARGETS = json.loads((ASSETS / "targets.json").read_text())["targets"]
# Known boxes in pixels of the display, which is half as wide as the demo's screen.
BOXES = {target["description"]: [edge / 2 for edge in target["box"]] for target in TARGETS}


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    with resources.as_file(ASSETS / "screen.png") as path:
        return Image.open(path).convert("RGB").resize((WIDTH, HEIGHT))


@pytest.fixture(scope="module")
def window(picture: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A connection to a display whose only window shows the picture and takes the clicks."""
    with pytest.MonkeyPatch.context() as patch:
        authority = tmp_path_factory.mktemp("x11") / "authority"
        authority.touch()
        patch.setenv("XAUTHORITY", str(authority))
        size = f"{WIDTH}x{HEIGHT}x24"
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", size, "-nolisten", "tcp"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            try:
                assert server.stdout is not None
                patch.setenv("DISPLAY", ":" + server.stdout.readline().strip())
                yield shown(picture)
            finally:
                server.terminate()


def shown(picture: Image.Image) -> Any:
    from Xlib import X, display

    connection = display.Display()
    screen = connection.screen()
    window = screen.root.create_window(
        0, 0, WIDTH, HEIGHT, 0, screen.root_depth, override_redirect=1, event_mask=X.ButtonPressMask | X.ExposureMask
    )
    window.map()
    connection.sync()
    while connection.next_event().type != X.Expose:
        pass
    pixels, context = picture.tobytes("raw", "BGRX"), window.create_gc()
    rows = 20  # of a request, whose size is limited
    for y in range(0, HEIGHT, rows):
        part = pixels[y * WIDTH * 4 : (y + rows) * WIDTH * 4]
        window.put_image(context, 0, y, WIDTH, rows, X.ZPixmap, screen.root_depth, 0, part)
    connection.sync()
    return connection


def clicks(connection: Any) -> list[tuple[int, int]]:
    """Return where the window was clicked since the last call."""
    from Xlib import X

    connection.sync()
    events = [connection.next_event() for _ in range(connection.pending_events())]
    return [(event.event_x, event.event_y) for event in events if event.type == X.ButtonPress]


def is_on(click: Any, description: str) -> bool:
    x1, y1, x2, y2 = BOXES[description]
    return bool(x1 <= click[0] <= x2 and y1 <= click[1] <= y2)


def test_screenshot_of_mss_is_read_in_its_colors(window: Any, picture: Image.Image) -> None:
    import mss

    with mss.MSS() as screens:
        shot = screens.grab(screens.monitors[1])
    with saccade.load() as engine:
        np.testing.assert_array_equal(engine.open(shot).pixels, np.asarray(picture))


def test_guide_clicks_on_what_it_names(window: Any) -> None:
    names: dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(example, str(GUIDE), "exec"), names)
    first, second = clicks(window)
    assert is_on(first, "the red dialog")
    assert is_on(second, "the purple push button")
    for description, answer in zip(names["descriptions"], names["answers"], strict=True):
        assert is_on(answer.screen_click, description)
    assert is_on(names["clicks"][0], "the red dialog")
    assert names["answer"].found
    names["engine"].close()


def test_click_between_pixels_lands_on_one_of_them(window: Any) -> None:
    import pyautogui

    pyautogui.click(700.5, 333.75)
    ((x, y),) = clicks(window)
    assert (abs(x - 700.5) < 1, abs(y - 333.75) < 1) == (True, True)
