"""Actions of agents: their names, and which of their arguments are places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlx_saccade.grounding import near_json, shapes
from mlx_saccade.grounding.boxes import Box
from mlx_saccade.grounding.candidates import Call, Candidate, Misfit, Place
from mlx_saccade.grounding.document import Document
from mlx_saccade.grounding.json_forms import BOX_KEYS, KINDS, kind_of
from mlx_saccade.grounding.near_json import Group, Item, Leaf, Node
from mlx_saccade.grounding.points import Point

__all__ = ["Action", "is_pointing", "is_verb", "objects", "plain", "split"]


@dataclass(frozen=True)
class Action:
    """What a model wants done.

    Attributes:
        name: as the model wrote it.
        points: in source pixels; a drag has two.
        boxes: in source pixels.
        arguments: all others, as written.
        tool: that has the action as its argument, such as "computer_use"; "" without one.
    """

    name: str
    points: tuple[Point, ...] = ()
    boxes: tuple[Box, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)
    tool: str = ""

    @property
    def click(self) -> tuple[float, float] | None:
        """(x, y) of its first point, else the center of its first box."""
        if self.points:
            return self.points[0].xy
        return self.boxes[0].center if self.boxes else None

    def moved(self, dx: float, dy: float) -> Action:
        """Return the action in the pixels of an image in which this one's image starts at (dx, dy)."""
        points = tuple(point.moved(dx, dy) for point in self.points)
        return replace(self, points=points, boxes=tuple(box.moved(dx, dy) for box in self.boxes))

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts, strings and numbers, for JSON."""
        points, boxes = [point.as_dict() for point in self.points], [box.as_dict() for box in self.boxes]
        return {"name": self.name, "tool": self.tool, "points": points, "boxes": boxes, "arguments": self.arguments}


# Names in lower case without marks. Those of the first set take bare numbers as coordinates.
_POINTING = frozenset([
    "click", "clickabsolute", "clickelement", "leftclick", "leftsingle", "rightclick", "rightsingle", "middleclick",
    "doubleclick", "leftdouble", "tripleclick", "tap", "doubletap", "longtap", "longpress", "longclick", "touch",
    "hover", "mousemove", "moveto", "move", "mousedown", "mouseup", "scroll", "hscroll", "vscroll", "drag",
    "dragto", "dragandrop", "draganddrop", "leftclickdrag", "swipe", "slide", "select",
])  # fmt: skip
_DRAGS = frozenset([
    "drag", "dragto", "draganddrop", "dragandrop", "leftclickdrag", "swipe", "slide",
])  # fmt: skip
_SCROLLS = frozenset(["scroll", "hscroll", "vscroll"])
_OTHERS = frozenset([
    "type", "write", "typewrite", "input", "inputtext", "entertext", "press", "hotkey", "key", "keypress",
    "keydown", "keyup", "wait", "sleep", "finished", "finish", "done", "terminate", "calluser", "answer",
    "response", "open", "openapp", "launch", "systembutton", "pressback", "presshome", "pressenter", "pressrecent",
    "navigateback", "navigatehome", "back", "home", "enter", "impossible", "screenshot", "zoom", "moverel",
    "dragrel",
])  # fmt: skip
_TYPES = frozenset(["click", "doubleclick", "rightclick", "tap", "drag", "swipe", "move", "scroll"])
_TOOL_NAMES = ("action", "action_type", "actiontype", "operation")
_TOOL_ARGUMENTS = ("arguments", "parameters", "args", "params", "input", "action_input", "action_inputs")
_PLACES = frozenset([
    "startbox", "endbox", "startpoint", "endpoint", "point", "point2d", "points", "box", "bbox", "bbox2d",
    "startcoordinate", "endcoordinate", "coordinate", "coordinate1", "coordinate2", "coordinates", "coords",
    "start", "end", "from", "to", "fromcoord", "tocoord", "position", "location", "center", "xy", "clickpoint",
    "touchpoint", "liftpoint", "target", "source", "destination", "path", "startposition", "endposition",
])  # fmt: skip
_ROWS = (
    ("x1", "y1", "x2", "y2"),
    ("startx", "starty", "endx", "endy"),
    ("fromx", "fromy", "tox", "toy"),
    ("xstart", "ystart", "xend", "yend"),
    ("x", "y"),
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\- ]{0,60}")


def plain(name: str) -> str:
    """Return the last part of a name in lower case without marks."""
    return re.sub(r"[_\- ]", "", name.lower().rpartition(".")[2])


def is_verb(name: str) -> bool:
    """Return True for the name of an action that agents write."""
    return plain(name) in _POINTING or plain(name) in _OTHERS


def is_pointing(name: str) -> bool:
    """Return True for an action that takes bare numbers as coordinates."""
    return plain(name) in _POINTING


def objects(document: Document) -> Iterator[Candidate]:
    """Yield the objects that are actions: tool calls, and those with an action of their own."""
    end = 0
    for group in document.groups:
        if group.start >= end and group.opener == "{" and (group.closed or _is_whole(document, group)):
            call = _object(group)
            if call is not None:
                end = group.end
                yield call


def _is_whole(document: Document, group: Group) -> bool:
    """Return True for an object that lacks nothing but its end, unlike a stray bracket in prose."""
    return not document.cut_off and re.match(r"\{\s*[\"']", document.text[group.start : group.start + 20]) is not None


def _object(group: Group) -> Call | None:
    items = {item.key.lower(): item for item in reversed(group.items) if item.key is not None}
    name, tool, arguments = _tool_call(items) or _action(items, group.items) or ("", "", None)
    if arguments is None:
        return None
    places, rest = split(name, arguments)
    if not places and not (tool or is_verb(name)):
        return None
    return Call(name, tool if tool != name else "", tuple(places), rest, group.start, group.end)


def _tool_call(items: dict[str, Item]) -> tuple[str, str, Sequence[Item]] | None:
    """Return name, tool and arguments of {"name": ..., "arguments": {...}}."""
    name = _text(items, ("name", "tool", "function"))
    arguments = next((_members(items[key].value) for key in _TOOL_ARGUMENTS if key in items), None)
    if not name or arguments is None:
        return None
    inner = {item.key.lower(): item for item in arguments if item.key is not None}
    action = _text(inner, _TOOL_NAMES)
    if action:
        return action, name, [item for item in arguments if (item.key or "").lower() not in _TOOL_NAMES]
    return (name, name, arguments) if is_verb(name) or items.keys() & {"arguments", "parameters"} else None


def _action(items: dict[str, Item], written: Sequence[Item]) -> tuple[str, str, Sequence[Item]] | None:
    """Return name, tool and arguments of {"action": "click", ...}, {"POINT": [x, y]} or {"click": [x, y]}."""
    if any(key in BOX_KEYS for key in items):
        return None
    name, used = _text(items, _TOOL_NAMES), {*_TOOL_NAMES}
    kind = _text(items, ("type",))
    if not name and plain(kind) in _TYPES and not items.keys() & KINDS.keys() - {"coordinate", "position"}:
        name, used = kind, {"type"}
    if name:
        rest = [item for item in written if (item.key or "").lower() not in used]
        nested = [item for item in rest if (item.key or "").lower() in _TOOL_ARGUMENTS]
        inner = [member for item in nested for member in _members(item.value) or ()]
        return name, "", [*(item for item in rest if not inner or item not in nested), *inner]
    for key, value in written:
        if key is not None and (key == "POINT" or is_pointing(key)) and shapes.places(value, "either"):
            return key, "", [Item("point" if item.key == key else item.key, item.value) for item in written]
    return None


def _text(items: dict[str, Item], keys: Sequence[str]) -> str:
    for key in keys:
        value = items[key].value if key in items else None
        if isinstance(value, Leaf) and value.kind != "number" and _NAME.fullmatch(value.text):
            return value.text
    return ""


def _members(node: Node) -> Sequence[Item] | None:
    """Return the items of an object, which may be written as a string."""
    if isinstance(node, Leaf) and node.kind == "string" and node.text.lstrip().startswith("{"):
        groups = near_json.parse(node.text, node.text)[1]
        return groups[0].items if groups else None
    return node.items if isinstance(node, Group) and (not node.items or node.items[0].key is not None) else None


def split(name: str, items: Sequence[Item]) -> tuple[list[Place | Misfit], dict[str, Any]]:
    """Return the places among the arguments of an action, and all others.

    Args:
        name: of the action.
        items: its arguments; those without a key stand under "positional" in what is returned.
    """
    drag = plain(name) in _DRAGS
    keyed = [item for item in items if item.key is not None]
    positional = [item for item in items if item.key is None]
    places: list[Place | Misfit] = []
    used: list[Item] = []
    spots = [item for item in keyed if plain(str(item.key)) in _PLACES]
    ends = sum(shapes.shape_of(item.value) is not None for item in spots)
    for item in keyed:
        if item in spots:
            whole = (drag and ends == 1) or plain(str(item.key)) == "path"
            kind: shapes.Kind = "points" if whole else "either"
            found = shapes.places(item.value, kind) or _inner(item.value)
            places += found
            used += [item] if found else []
    by_name, members = _row(keyed, drag=drag)
    places += by_name
    used += members
    if not places and positional:
        places, members = _positional(name, positional, drag=drag)
        used += members
    if drag and sum(isinstance(place, Place) for place in places) > 1:
        places = [_middle(place) for place in places]
    rest = {str(item.key): _value(item.value) for item in keyed if item not in used}
    left = [_value(item.value) for item in positional if item not in used]
    return [_single(place) for place in places], rest | ({"positional": left} if left else {})


def _inner(node: Node) -> list[Place | Misfit]:
    """Return the places under the keys of an object such as {"bbox": [...]}."""
    items = node.items if isinstance(node, Group) else []
    known = [(item.value, kind_of(item.key)) for item in items]
    return [place for value, kind in known if kind is not None for place in shapes.places(value, kind)]


def _row(items: Sequence[Item], *, drag: bool) -> tuple[list[Place | Misfit], list[Item]]:
    """Return the places whose numbers have a key each, and those arguments."""
    by_key = {plain(str(item.key)): item for item in items}
    for keys in _ROWS:
        members = [by_key[key] for key in keys if key in by_key]
        numbers = shapes.flat([item.value for item in members])
        if len(members) == len(keys) and numbers is not None:
            two = drag or keys[0] != "x1"
            runs = [numbers[:2], numbers[2:]] if len(numbers) == 4 and two else [numbers]
            return [Place(run, named=True) for run in runs], members
    return [], []


def _positional(name: str, items: Sequence[Item], *, drag: bool) -> tuple[list[Place | Misfit], list[Item]]:
    """Return the places among arguments without keys, and those arguments."""
    groups = [item for item in items if isinstance(item.value, Group) or _is_place_text(item.value)]
    if groups and is_pointing(name):
        kind: shapes.Kind = "points" if drag else "either"
        return [place for item in groups for place in shapes.places(item.value, kind)], groups
    numbers = [item for item in items if isinstance(item.value, Leaf) and item.value.kind == "number"]
    words = len(numbers) < len(items)
    if plain(name) in _SCROLLS:
        numbers = numbers if words else numbers[1:]
    if not is_pointing(name) or len(numbers) < 2:
        return [], []
    count = 4 if len(numbers) >= 4 and (drag or (len(numbers) == 4 and "." not in name)) else 2
    texts = tuple(item.value.text for item in numbers[:count] if isinstance(item.value, Leaf))
    runs = [texts[:2], texts[2:]] if drag and count == 4 else [texts]
    return [Place(run) for run in runs], numbers[:count]


def _is_place_text(node: Node) -> bool:
    return isinstance(node, Leaf) and node.kind != "number" and len(shapes.numbers_in(node.text)) in (2, 4)


def _middle(place: Place | Misfit) -> Place | Misfit:
    """Return the center of one end of a drag that is written as a box."""
    if isinstance(place, Place) and len(place.numbers) == 4:
        return Place(shapes.center(place.numbers), named=place.named)
    return place


def _single(place: Place | Misfit) -> Place | Misfit:
    """Return a point for a box without extent, which is how some agents write one."""
    if isinstance(place, Place) and len(place.numbers) == 4 and place.numbers[:2] == place.numbers[2:]:
        return Place(place.numbers[:2], place.label, named=place.named)
    return place


_WORDS = {"null": None, "None": None, "true": True, "True": True, "false": False, "False": False}


def _value(node: Node) -> Any:
    """Return an argument as a plain value."""
    if isinstance(node, Group):
        if any(item.key is not None for item in node.items):
            return {str(item.key): _value(item.value) for item in node.items if item.key is not None}
        return [_value(item.value) for item in node.items]
    if node.kind == "number":
        return _number(node.text)
    return _WORDS[node.text] if node.kind == "word" and node.text in _WORDS else node.text


def _number(text: str) -> int | float | str:
    """Return a number; one that JSON cannot hold stays text."""
    if len(text) > 24:
        return text
    if re.fullmatch(r"[-+]?[0-9]+", text):
        return int(text)
    value = float(text)
    return value if abs(value) != float("inf") else text
