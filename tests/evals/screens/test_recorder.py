"""The order in which a program is opened, brought into a state, recorded and brought back, on a made-up desktop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from mlx_saccade.evals.screens import recorder
from mlx_saccade.evals.screens.applications import Application, State, Step
from mlx_saccade.evals.screens.recorder import Recorder
from mlx_saccade.evals.screens.session import _WARDEN, Session, SessionError, _end_group

MENU = State("menu", (Step("click", ("menu", "File")),))


class Desktop:
    """A session with one program and its welcome: clicks open a menu, which Escape closes if `closes`."""

    size = (640, 480)

    def __init__(self, home: Path) -> None:
        self.home, self.log = home, list[str]()
        self.welcome, self.menu, self.closes, self.unsteady = True, False, True, 0
        self.runs = False

    def start(self, command: list[str], *, variables: dict[str, str]) -> subprocess.Popen[Any]:
        self.log.append(" ".join(command).replace(str(self.home), "~"))
        self.runs, self.welcome, self.menu = True, True, False
        return cast("subprocess.Popen[Any]", FakeProcess())

    def end(self, process: object) -> None:
        self.log.append("end")
        self.runs = False

    def capture(self) -> np.ndarray:
        self.log.append("capture")
        return np.zeros((480, 640, 3), np.uint8)

    def atspi(self, request: str, *arguments: Any) -> Any:
        if request == "list_programs":
            return [{}] if self.runs else []
        if request == "place":
            return [10, 20, 30, 40] if arguments[1] == "File" else None
        if request == "act":
            return False
        self.unsteady -= 1
        y = self.unsteady if self.unsteady > 0 else 0
        return [{"role": "label", "name": str(i), "box": [0, y, 9, 9], "states": ["showing"]} for i in range(10)]

    def x11(self, request: str, *arguments: Any) -> Any:
        if request == "windows":
            rows: list[dict[str, Any]] = [{"id": 1, "managed": True, "box": [0, 0, 600, 400]}]
            if self.welcome:
                rows.append({"id": 2, "managed": True, "box": [0, 0, 90, 90]})
            if self.menu:
                rows.append({"managed": False, "box": [0, 0, 90, 90]})
            return rows
        self.log.append(" ".join(map(str, (request, *arguments))))
        if request == "close":
            self.welcome = False
        if request == "click":
            self.menu = True
        if request == "press" and arguments[0] == "Escape" and self.closes:
            self.menu = False
        return None


class FakeProcess:
    def poll(self) -> None:
        return None


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    monkeypatch.setattr(recorder, "_POLL_SECONDS", 0)
    (tmp_path / "of the program before").mkdir()
    return Desktop(tmp_path)


def program(**values: Any) -> Application:
    return Application(
        "name", "Name", ("name", "@harbor.txt"), "name", "OS",
        start_up=(Step("close others"),), settings={".config/name": "key=1"}, **values,
    )  # fmt: skip


def record(desktop: Desktop, state: State, application: Application | None = None) -> list[str]:
    """Return what is done for a state, without the start and the end."""
    with Recorder(cast("Session", desktop), application or program()) as one:
        assert desktop.log == ["name ~/documents/harbor.txt", "close 2", "maximize 1"]
        assert (desktop.home / ".config" / "name").read_text() == "key=1"
        assert (desktop.home / "documents" / "harbor.txt").exists()
        assert not (desktop.home / "of the program before").exists()
        desktop.log.clear()
        moment = one.record(state)
        assert len(moment.nodes) == 10
        log = desktop.log.copy()
    assert desktop.log[-1] == "end"
    return log


def test_the_first_state_is_recorded_as_it_is(desktop: Desktop) -> None:
    assert record(desktop, State("main")) == ["point 639 479", "capture"]


def test_a_menu_is_clicked_recorded_and_closed(desktop: Desktop) -> None:
    assert record(desktop, MENU) == ["click 25 40", "point 639 479", "capture", "press Escape"]


def test_a_click_at_two_pixels_a_point_goes_to_pixels(desktop: Desktop) -> None:
    assert record(desktop, MENU, program(variables={"GDK_SCALE": "2"}))[0] == "click 50 80"


def test_a_state_that_does_not_end_starts_the_program_anew(desktop: Desktop) -> None:
    desktop.closes = False
    log = record(desktop, MENU)
    assert log[-4:] == ["end", "name ~/documents/harbor.txt", "close 2", "maximize 1"]


def test_a_screen_that_changes_while_it_is_captured_is_captured_again(desktop: Desktop) -> None:
    with Recorder(cast("Session", desktop), program()) as one:
        readings = iter([5, 5, 6, 6, 6, 6, 6, 6])  # settled at 5, but 6 after the capture
        desktop.log.clear()
        original = desktop.atspi

        def changing(request: str, *arguments: Any) -> Any:
            rows = original(request, *arguments)
            if request == "dump":
                rows[0]["box"] = [0, next(readings), 9, 9]
            return rows

        desktop.atspi = changing  # type: ignore[method-assign]
        assert one.record(State("main")).nodes[0]["box"] == [0, 6, 9, 9]
        assert desktop.log.count("capture") == 2
        desktop.atspi = original  # type: ignore[method-assign]


@pytest.mark.parametrize("kind", ["act", "click"])
def test_a_step_without_its_element_names_it(kind: str, desktop: Desktop) -> None:
    with Recorder(cast("Session", desktop), program()) as one:
        with pytest.raises(SessionError, match="name: found no menu Nowhere"):
            one.record(State("nowhere", (Step(kind, ("menu", "Nowhere")),)))
        assert one.record(State("main")).nodes  # the next state is recorded all the same


def test_a_program_that_is_not_accessible_is_reported(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_START_SECONDS", 0.01)
    monkeypatch.setattr(desktop, "atspi", lambda request, *arguments: [])
    with pytest.raises(SessionError, match="shows nothing to the accessibility bus"):
        Recorder(cast("Session", desktop), program()).open()


def test_the_program_ends_if_it_cannot_be_opened(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_START_SECONDS", 0.01)
    monkeypatch.setattr(desktop, "atspi", lambda request, *arguments: [])
    with pytest.raises(SessionError), Recorder(cast("Session", desktop), program()):
        pass
    assert desktop.log[-1] == "end"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ending_a_program_ends_what_it_has_started() -> None:
    code = "import subprocess; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); p.wait()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    _end_group(process)
    assert process.returncode is not None
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_warden_ends_what_is_left_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "of the session"
    (folder / "home").mkdir(parents=True)
    left, ended = (subprocess.Popen(["sleep", "600"], start_new_session=True) for _ in range(2))
    warden = subprocess.Popen(["sh", "-c", _WARDEN, "warden", str(folder)], stdin=subprocess.PIPE, text=True)
    try:
        warden.communicate(f"+ {ended.pid}\n+ {left.pid}\n- {ended.pid}\n", timeout=60)
        assert left.wait(60) == -9
        assert ended.poll() is None
        assert not folder.exists()
    finally:
        ended.kill()
        ended.wait()
