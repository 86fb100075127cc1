"""The program for the system's Python, on elements that answer as those of AT-SPI do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlx_saccade.evals.screens import atspi_dump
from mlx_saccade.evals.screens.atspi_dump import MAX_CHILDREN, STATES, Desktop


class Element:
    """An accessible element; children are made when asked for."""

    def __init__(
        self, role: str, name: str = "", *, states: str = "showing", count: int = 0, children: tuple[Any, ...] = ()
    ) -> None:
        self.role, self.name, self.states = role, name, states.split()
        self.count, self.children, self.calls = count or len(children), children, 0

    def get_role_name(self) -> str:
        return self.role

    def get_name(self) -> str:
        return self.name

    def get_description(self) -> str:
        return ""

    def get_state_set(self) -> Any:
        return SimpleNamespace(contains=self.states.__contains__)

    def get_child_count(self) -> int:
        return self.count

    def get_child_at_index(self, place: int) -> Any:
        self.calls += 1
        return self.children[place] if place < len(self.children) else Element("table cell", str(place))

    def get_component_iface(self) -> Any:
        box = SimpleNamespace(x=1, y=2, width=30, height=40)
        return SimpleNamespace(get_extents=lambda _: box)

    def get_attributes(self) -> dict[str, str]:
        return {"toolkit": "gtk"}

    def get_relation_set(self) -> list[Any]:
        return []


class Broken(Element):
    def get_name(self) -> str:
        raise RuntimeError("the program has ended")


def desktop(*programs: Element) -> Desktop:
    one = Desktop.__new__(Desktop)
    one.states = [(name, name) for name in STATES]
    root = Element("desktop frame", children=programs)
    one.atspi = SimpleNamespace(get_desktop=lambda _: root, CoordType=SimpleNamespace(SCREEN=0))
    one.atspi.StateType = SimpleNamespace(SHOWING="showing")
    return one


def test_dump_of_a_spreadsheet_of_two_billion_cells_asks_for_none() -> None:
    sheet = Element("table", states="showing manages-descendants", count=2**31)
    nodes = desktop(Element("application", children=(Element("frame", children=(sheet,)),))).dump()
    assert [node["role"] for node in nodes] == ["application", "frame", "table"]
    assert nodes[-1]["children"] == 2**31
    assert sheet.calls == 0


def test_dump_of_a_long_list_stops() -> None:
    long = Element("list", count=10_000)
    nodes = desktop(Element("application", children=(Element("frame", children=(long,)),))).dump()
    assert len(nodes) == 3 + MAX_CHILDREN
    assert long.calls == MAX_CHILDREN


def test_dump_has_a_hidden_element_without_what_is_in_it() -> None:
    hidden = Element("panel", "page", states="visible", children=(Element("label", "deep"),))
    nodes = desktop(Element("application", children=(Element("frame", children=(hidden,)),))).dump()
    assert [node["name"] for node in nodes] == ["", "", "page"]


def test_dump_walks_the_open_menu_of_gtk2_which_says_showing_nowhere() -> None:
    inner = Element("menu", "Recent", states="visible", children=(Element("menu item", "deep"),))
    menu = Element("menu", "File", states="showing focused", children=(inner,))
    bar = Element("menu bar", children=(menu,))
    nodes = desktop(Element("application", children=(Element("frame", children=(bar,)),))).dump()
    assert [node["name"] for node in nodes][-2:] == ["Recent", "deep"]


def test_dump_goes_on_after_an_element_that_has_gone() -> None:
    frame = Element("frame", children=(Broken("label"), Element("label", "there")))
    nodes = desktop(Element("application", children=(frame,))).dump()
    assert [node["name"] for node in nodes] == ["", "", "there"]
    assert nodes[-1]["parent"] == 1
    assert nodes[-1]["box"] == [1, 2, 30, 40]
    assert nodes[-1]["toolkit"] == "gtk"


def test_find_gives_the_last_window_first_and_takes_no_account_of_dots() -> None:
    first, second = Element("menu item", "Save As..."), Element("menu item", "Save As\N{HORIZONTAL ELLIPSIS}")
    windows = (Element("frame", children=(first,)), Element("dialog", children=(second,)))
    assert list(desktop(Element("application", children=windows)).find("menu item", "Save As...")) == [second, first]


@pytest.mark.parametrize("name", ["atspi_dump", "x11_screen"])
def test_programs_of_the_system_import_nothing_of_the_package(name: str) -> None:
    path = Path(atspi_dump.__file__).parent / f"{name}.py"
    code = f"import json, runpy, sys; runpy.run_path({str(path)!r}); print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert not [module for module in json.loads(done.stdout) if module.partition(".")[0] in ("mlx_saccade", "numpy")]
