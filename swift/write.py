"""Writes the Swift tables that Python has too: runtimes, and the patterns and words of the forms of answers.

python swift/write.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from mlx_saccade.grounding import (
    actions,
    bare_forms,
    calls,
    document,
    json_forms,
    near_json,
    reader,
    shapes,
    thinking,
    xml_forms,
)
from mlx_saccade.preprocess import runtimes

SOURCES = Path(__file__).parent / "Sources" / "Saccade"
HEAD = "// Written by `python swift/write.py` from `python/mlx_saccade/{}`. Edit the Python source, not this file.\n"
FORMS: dict[str, ModuleType] = {
    "ActionForms": actions,
    "BareForms": bare_forms,
    "CallForms": calls,
    "AnswerDocument": document,
    "JSONForms": json_forms,
    "NearJSON": near_json,
    "GroundedText": reader,
    "Shapes": shapes,
    "Thinking": thinking,
    "XMLForms": xml_forms,
}


def files() -> dict[str, str]:
    """Return the files below `swift/Sources/Saccade` by name."""
    return {"RuntimeRecords.swift": _records(), "Grounding/AnswerTables.swift": _answers()}


def _records() -> str:
    return (
        HEAD.format("preprocess/runtimes.py")
        + "// swift-format-ignore-file\n\n"
        + "/// The known runtimes, one record per runtime and range of versions, oldest range first.\n"
        + "let runtimeRecords: [RuntimeRecord] = [\n"
        + "".join(map(_record, runtimes.records()))
        + "]\n"
    )


def _record(record: runtimes.Runtime) -> str:
    labels = ", ".join(map(_text, record.labels))
    limits = "".join(
        f"            {_text(family)}: {_limits(limits)},\n" for family, limits in sorted(record.limits.items())
    )
    return (
        "    RuntimeRecord(\n"
        f"        name: {_text(record.name)},\n"
        f"        versions: {_text(record.versions)},\n"
        f"        first: {_text(record.first)},\n"
        f"        below: {_text(record.below)},\n"
        f"        labels: [{labels}],\n"
        f"        limits: [\n{limits}        ]),\n"
    )


def _limits(limits: tuple[int, int] | str) -> str:
    return f".{limits}" if isinstance(limits, str) else f".pixels({limits[0]}, {limits[1]})"


def _answers() -> str:
    """Return the patterns, words and limits of each module of `grounding` as an enum."""
    enums = [f"enum {name}Table {{\n{_members(module)}}}\n" for name, module in FORMS.items()]
    head = HEAD.format("grounding/") + "// swift-format-ignore-file\n\n"
    return head + "\n".join(f"/// Constants of `{FORMS[enum.split()[1][:-5]].__name__}`.\n{enum}" for enum in enums)


def _members(module: ModuleType) -> str:
    """Return the constants that a module defines itself, in its order."""
    own = re.findall(r"^(_?[A-Z][A-Z_0-9]*)(?:: [^=\n]+)? = ", Path(str(module.__file__)).read_text("utf-8"), re.M)
    lines = [(_camel(name), _value(getattr(module, name))) for name in dict.fromkeys(own)]
    return "".join(f"    static let {name}{value}\n" for name, value in lines if value)


def _camel(name: str) -> str:
    first, *rest = name.strip("_").lower().split("_")
    return first + "".join(part.capitalize() for part in rest)


def _value(value: object) -> str:
    """Return ` = ...` or `: Type = ...` of a constant; "" of one that Swift has no use for."""
    if isinstance(value, re.Pattern):
        return f" = {_pattern(value)}"
    if isinstance(value, (bool, int, float)):
        return f" = {value}"
    if isinstance(value, str):
        return f" = {_text(value)}"
    if isinstance(value, frozenset):
        return f": Set<String> = [{', '.join(map(_text, sorted(value)))}]"
    if isinstance(value, Mapping) and all(isinstance(one, str) for pair in value.items() for one in pair):
        pairs = ", ".join(f"{_text(key)}: {_text(one)}" for key, one in sorted(value.items()))
        return f": [String: String] = [{pairs}]"
    if isinstance(value, Mapping) and all(isinstance(one, int) for pair in value.items() for one in pair):
        pairs = ", ".join(f"{_text(chr(key))}: {_text(chr(one))}" for key, one in sorted(value.items()))
        return f": [Unicode.Scalar: Unicode.Scalar] = [{pairs}]"
    if isinstance(value, tuple) and all(isinstance(one, str) for one in value):
        return f": [String] = [{', '.join(map(_text, value))}]"
    if isinstance(value, tuple) and all(isinstance(one, tuple) for one in value):
        return f" = [{', '.join(map(_row, value))}]"
    return ""


def _row(row: Iterable[object]) -> str:
    """Return a row of words, or a word with its row."""
    cells = list(row)
    if all(isinstance(cell, str) for cell in cells):
        return f"[{', '.join(_text(str(cell)) for cell in cells)}]"
    return f"({', '.join(_row(cell) if isinstance(cell, tuple) else _text(str(cell)) for cell in cells)})"


def _pattern(pattern: re.Pattern[str]) -> str:
    source = pattern.pattern
    if pattern.flags & re.VERBOSE:
        source = "".join(re.findall(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\S", source))
    options = ", ignoringCase: true" if pattern.flags & re.IGNORECASE else ""
    options += ", multiline: true" if pattern.flags & re.MULTILINE else ""
    options += ", dotTakesNewlines: true" if pattern.flags & re.DOTALL else ""
    return f'Pattern(##"{source}"##{options})'


def _text(value: str | None) -> str:
    return "nil" if value is None else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    for name, text in files().items():
        (SOURCES / name).write_text(text, encoding="utf-8")
