"""Reads actions that are written as calls: UI-TARS, pyautogui, Holo, UI-Venus, and the tags of Qwen3.5 and OS-Atlas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from mlx_saccade.grounding import actions, near_json
from mlx_saccade.grounding.candidates import Call, Candidate
from mlx_saccade.grounding.document import Document
from mlx_saccade.grounding.near_json import Group, Item, Leaf

__all__ = ["calls", "functions", "verbs"]

_MAX_NAME = 60
_MAX_TAGS = 10_000  # as `near_json` stops somewhere
_NAME_BACKWARDS = re.compile(r"\s{0,2}([A-Za-z0-9_.]{1,60})")
# Arguments that only agents have, so that the name of the call need not be known.
_EXPLICIT = frozenset({"startbox", "endbox", "startpoint", "endpoint"})
_BEFORE_ACTION = ("action:", "actions:", "action:**", "<action>", ";", ")", "[", ",", "```", "```python")

_FUNCTION = re.compile(r"<function=([A-Za-z0-9_.\-]{1,60})>")
_PARAMETER = re.compile(r"<parameter=([A-Za-z0-9_.\-]{1,60})>([^<]{0,4000})(?:</parameter>|(?=<))")
_VERB = re.compile(
    r"\b([A-Za-z_]{3,20})[ \t]{1,4}(?:<point>([^<]{0,200})</point>|<\|box_start\|>([^<]{0,200})<\|box_end\|>)"
)


def calls(document: Document) -> Iterator[Candidate]:
    """Yield calls such as `click(start_box='(10,20)')`."""
    last = len(document.groups) - near_json.MAX_DEPTH
    for number, group in enumerate(document.groups):
        if group.opener != "(" or not (group.closed or number >= last):
            continue
        name = _name_before(document.text, group.start)
        if not group.closed and document.cut_off:
            if actions.is_pointing(name):  # half a drag is no point
                document.take(group.start, group.end)
        elif name and name[0].isalpha():
            call = _call(document, name, group)
            if call is not None:
                yield call


def _name_before(text: str, position: int) -> str:
    before = text[max(0, position - _MAX_NAME) : position]
    match = _NAME_BACKWARDS.match(before[::-1])
    return match[1][::-1].lstrip(".0123456789") if match else ""


def _call(document: Document, name: str, group: Group) -> Call | None:
    keys = {actions.plain(item.key) for item in group.items if item.key is not None}
    if not (actions.is_verb(name) or keys & _EXPLICIT):
        return None
    start = document.text.rfind(name, 0, group.start)
    places, rest = actions.split(name, group.items)
    if not places and not _stands_alone(document, start, name):
        return None
    return Call(name, "", tuple(places), rest, start, group.end)


def _stands_alone(document: Document, start: int, name: str) -> bool:
    """Return True for a call at the start of a line or an action, not in the middle of a sentence or in a program."""
    text = document.text
    line = max(text.rfind("\n", max(0, start - 200), start) + 1, start - 200, 0)
    before = text[line:start].strip().lower()
    alone = not before or before.endswith(_BEFORE_ACTION)
    return name.startswith("pyautogui.") or (alone and not document.is_code(start))


def functions(document: Document) -> Iterator[Candidate]:
    """Yield `<function=computer_use><parameter=action>left_click</parameter>...</function>`."""
    starts = list(islice(_FUNCTION.finditer(document.tags), _MAX_TAGS))
    for number, match in enumerate(starts):
        until = starts[number + 1].start() if number + 1 < len(starts) else len(document.tags)
        closing = document.tags.find("</function>", match.end(), until)
        end = until if closing < 0 else closing
        parameters = _PARAMETER.finditer(document.tags, match.end(), end)
        items = [Item(parameter[1], _parameter(document, parameter)) for parameter in parameters]
        inner = [item.value.text for item in items if item.key == "action" and isinstance(item.value, Leaf)]
        name = inner[0] if inner else match[1]
        if inner or actions.is_verb(name):
            places, rest = actions.split(name, [item for item in items if item.key != "action" or not inner])
            yield Call(name, match[1], tuple(places), rest, match.start(), end)


def _parameter(document: Document, match: re.Match[str]) -> Leaf | Group:
    """Return the value of a parameter: what a bracket holds, a number, or its text."""
    groups = near_json.parse(match[2], match[2])[1]
    if groups and match[2].strip()[:1] in ("[", "{"):
        return groups[0]
    text = document.written[match.start(2) : match.end(2)].strip()
    kind = "number" if re.fullmatch(near_json.NUMBER, text) else "string"
    return Leaf("number" if kind == "number" else "string", text, match.start(2), match.end(2))


def verbs(document: Document) -> Iterator[Candidate]:
    """Yield `CLICK <point>[[10, 20]]</point>`."""
    for match in islice(_VERB.finditer(document.tags), _MAX_TAGS):
        if actions.is_pointing(match[1]):
            group = 2 if match[2] is not None else 3
            leaf = Leaf("string", match[group], match.start(group), match.end(group))
            places, rest = actions.split(match[1], _positional([leaf]))
            yield Call(match[1], "", tuple(places), rest, match.start(), match.end())


def _positional(leaves: Sequence[Leaf]) -> list[Item]:
    return [Item(None, leaf) for leaf in leaves]
