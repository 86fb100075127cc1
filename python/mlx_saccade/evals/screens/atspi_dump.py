"""A program for the system's Python: it reads the accessibility tree of a desktop, and presses what is in it.

The modules `gi` and `Atspi` belong to the system's Python alone, so `session` runs this file there and nothing here
imports the package. A request is one line of JSON on standard input, and its answer one line on standard output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

# What a caller learns of an element's state, of the 45 states there are.
STATES = (
    *("active", "checked", "editable", "enabled", "expandable", "expanded", "focusable", "focused"),
    *("manages-descendants", "modal", "multi-line", "selectable", "selected", "sensitive", "showing", "transient"),
    "visible",
)
MENU_ITEMS = ("menu", "menu item", "check menu item", "radio menu item", "tearoff menu item")
MAX_NODES = 20_000
MAX_DEPTH = 60
# A spreadsheet says that it has 2^31 children.
MAX_CHILDREN = 400
# The milliseconds that a program may take to answer a question, and after its start.
PATIENCE = (800, 5000)


class Desktop:
    """The programs on the accessibility bus of this session."""

    def __init__(self) -> None:
        """Connect to the bus."""
        import gi  # type: ignore[import-not-found, unused-ignore]

        gi.require_version("Atspi", "2.0")
        from gi.repository import Atspi, Gio  # type: ignore[import-not-found, unused-ignore]

        self.atspi, self.gio = Atspi, Gio
        Atspi.init()
        Atspi.set_timeout(*PATIENCE)
        self.states = [(name, getattr(Atspi.StateType, name.replace("-", "_").upper())) for name in STATES]

    def bus_address(self) -> str:
        """Return the address of the accessibility bus, which the root window has to carry for Qt."""
        bus = self.gio.bus_get_sync(self.gio.BusType.SESSION)
        where = ("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress")
        answer = bus.call_sync(*where, None, None, self.gio.DBusCallFlags.NONE, 10_000, None)
        return str(answer.unpack()[0])

    def programs(self) -> Iterator[Any]:
        """Yield the root of every program that answers."""
        desktop = self.atspi.get_desktop(0)
        for place in range(desktop.get_child_count()):
            try:
                program = desktop.get_child_at_index(place)
            except Exception:  # it has ended meanwhile
                continue
            if program is not None:
                yield program

    def list_programs(self) -> list[dict[str, Any]]:
        """Return name, toolkit and process of every program."""
        rows = []
        for program in self.programs():
            try:
                name, toolkit = program.get_name(), program.get_toolkit_name()
                version, pid = program.get_toolkit_version(), program.get_process_id()
            except Exception:
                continue
            rows.append({"name": name, "toolkit": toolkit, "version": version, "pid": pid})
        return rows

    def dump(self) -> list[dict[str, Any]]:
        """Return the nodes of every program, each after its parent, without what says that it is not shown."""
        nodes: list[dict[str, Any]] = []
        for program in self.programs():
            self._walk(program, nodes, -1, 0)
        return nodes

    def _walk(self, node: Any, nodes: list[dict[str, Any]], parent: int, depth: int) -> None:
        if len(nodes) >= MAX_NODES or depth > MAX_DEPTH:
            return
        try:
            entry = self._read(node, parent)
        except Exception:  # the element, or its program, is gone
            return
        place = len(nodes)
        nodes.append(entry)
        if depth > 1 and not is_open(entry, nodes):
            return
        if "manages-descendants" in entry["states"] and entry["children"] > MAX_CHILDREN:
            return
        for index in range(min(entry["children"], MAX_CHILDREN)):
            try:
                child = node.get_child_at_index(index)
            except Exception:
                continue
            if child is not None:
                self._walk(child, nodes, place, depth + 1)

    def _read(self, node: Any, parent: int) -> dict[str, Any]:
        states = node.get_state_set()
        entry: dict[str, Any] = {
            "parent": parent,
            "role": node.get_role_name(),
            "name": node.get_name() or "",
            "description": node.get_description() or "",
            "box": self._box(node),
            "states": [name for name, state in self.states if states.contains(state)],
            "children": node.get_child_count(),
        }
        try:
            toolkit = (node.get_attributes() or {}).get("toolkit")
            if toolkit:
                entry["toolkit"] = toolkit
            label = self._label(node)
            if label:
                entry["label"] = label
        except Exception:  # an old toolkit without attributes or relations
            pass
        return entry

    def _box(self, node: Any) -> list[int] | None:
        """Return x, y, width and height on the screen, or None."""
        try:
            component = node.get_component_iface()
            if component is None:
                return None
            box = component.get_extents(self.atspi.CoordType.SCREEN)
        except Exception:
            return None
        return [box.x, box.y, box.width, box.height]

    def _label(self, node: Any) -> str:
        """Return the name of the element that labels this one, or an empty string."""
        for relation in node.get_relation_set() or ():
            if relation.get_relation_type() == self.atspi.RelationType.LABELLED_BY and relation.get_n_targets():
                return relation.get_target(0).get_name() or ""
        return ""

    def find(self, role: str, name: str) -> Iterator[Any]:
        """Yield the elements of a role and name, shown ones only, those of the last window first."""
        windows = []
        for program in self.programs():
            windows += [program.get_child_at_index(place) for place in range(program.get_child_count())]
        for window in reversed([one for one in windows if one is not None]):
            yield from self._find(window, role, name, 0)

    def _find(self, node: Any, role: str, name: str, depth: int) -> Iterator[Any]:
        try:
            same = node.get_role_name() == role and clean(node.get_name() or node.get_description()) == clean(name)
            # Items of a menu that is closed are not shown, but their action works.
            shown = depth == 0 or node.get_state_set().contains(self.atspi.StateType.SHOWING) or role in MENU_ITEMS
            count = min(node.get_child_count(), MAX_CHILDREN)
        except Exception:
            return
        if not shown or depth > MAX_DEPTH:
            return
        if same:
            yield node
        for place in range(count):
            try:
                child = node.get_child_at_index(place)
            except Exception:
                continue
            if child is not None:
                yield from self._find(child, role, name, depth + 1)

    def act(self, role: str, name: str) -> bool:
        """Do the first action of an element, which is a press for most; return False if there is no such element."""
        for node in self.find(role, name):
            action = node.get_action_iface()
            if action is not None and action.get_n_actions():
                try:
                    return bool(action.do_action(0))
                except Exception:  # a modal dialog is open before the program answers
                    return True
        return False

    def place(self, role: str, name: str) -> list[int] | None:
        """Return the box of an element on the screen, or None; of several the first with a place there."""
        for node in self.find(role, name):
            box = self._box(node)
            if box is not None and min(box) >= 0 and box[2] > 0 and box[3] > 0:
                return box
        return None


def clean(text: str) -> str:
    """Return a name without the dots at its end."""
    return text.strip().rstrip(".\N{HORIZONTAL ELLIPSIS}").strip()


def is_open(entry: dict[str, Any], nodes: list[dict[str, Any]]) -> bool:
    """Return True if an element says that it is shown, or is in an open menu of GTK 2, where nothing says so."""
    if "showing" in entry["states"]:
        return True
    box, parent = entry["box"], nodes[entry["parent"]] if entry["parent"] >= 0 else None
    if entry["role"] not in MENU_ITEMS or "visible" not in entry["states"] or box is None or parent is None:
        return False
    return (
        box[0] > -1000
        and box[2] > 1
        and parent["role"] == "menu"
        and bool({"focused", "selected"} & {*parent["states"]})
    )


def main() -> None:
    """Answer the requests on standard input until it ends."""
    desktop = Desktop()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"answer": getattr(desktop, request["do"])(*request.get("with", ()))}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
