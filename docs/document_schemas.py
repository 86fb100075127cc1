"""The JSON Schemas of documents that are dataclasses: reports and comparisons of runs. `docs/write.py` writes them."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from mlx_saccade.evals import compare, forecast, outcomes, report, rows, run_folder, targets

DOCUMENTS = {
    "sweep-run-1.json": (
        outcomes.RunOutcome, outcomes.RUN_SCHEMA, "Output of mlx-saccade sweep run with --json",
    ),
    "sweep-forecast-1.json": (
        forecast.Forecast, forecast.SCHEMA, "Output of mlx-saccade sweep run --dry-run with --json",
    ),
    "sweep-merge-1.json": (
        outcomes.MergeOutcome, outcomes.MERGE_SCHEMA, "Output of mlx-saccade sweep merge with --json",
    ),
    "run-1.json": (
        run_folder.Header, run_folder.SCHEMA, "run.json of the folder of a run",
    ),
    "sweep-report-1.json": (
        report.Report, report.SCHEMA, "Output of mlx-saccade sweep report with --json",
    ),
    "sweep-compare-1.json": (
        compare.Comparison, compare.SCHEMA, "Output of mlx-saccade sweep compare with --json",
    ),
}  # fmt: skip
_OF_ROW = {"image_id": "string", "budget": ["integer", "string"], "policy": "string"}
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def schema(name: str) -> dict[str, Any]:
    """Return the schema of a document by the name of its file."""
    document, form, title = DOCUMENTS[name]
    definitions: dict[str, Any] = {}
    top = _definition(document, definitions)
    definitions[top]["properties"] = {"schema": {"const": form}, **definitions[top]["properties"]}
    definitions[top]["required"].insert(0, "schema")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": "Later versions of a form may add fields; a changed or removed field gives it a new number.",
        "$ref": f"#/$defs/{top}",
        "$defs": definitions,
    }


def row_schema() -> dict[str, Any]:
    """Return the schema of a line of `rows.jsonl`: the fields of the target, of the row and of the reply."""
    definitions: dict[str, Any] = {}
    target, reply = (definitions[_definition(one, definitions)]["properties"] for one in (targets.Target, rows.Reply))
    texts = dict(_attributes(inspect.getdoc(rows.Row) or ""))
    own = {name: {"type": kind, "description": texts[name]} for name, kind in _OF_ROW.items()}
    properties = {"target": target.pop("id"), **target, **own, **reply}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of rows.jsonl in the folder of a run",
        "description": "One question and its answer. Places are in pixels of the source image, sizes (width, height).",
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def _definition(owner: type, definitions: dict[str, Any]) -> str:
    """Add a dataclass and those of its fields to the definitions, and return its name there."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", owner.__name__).lower()
    if name not in definitions:
        definitions[name] = {}
        doc = inspect.getdoc(owner) or ""
        texts = dict(_attributes(doc))
        hints = typing.get_type_hints(owner)
        fields = [field.name for field in dataclasses.fields(owner)]
        definitions[name] |= {
            "description": _in_json(doc.split("\n\n")[0]),
            "type": "object",
            "properties": {
                field: {**_type(hints[field], definitions), "description": texts[field]} for field in fields
            },
            "required": fields,
        }  # fmt: skip
    return name


def _attributes(doc: str) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each attribute of a docstring; several names may have one text."""
    section = doc.partition("Attributes:\n")[2].partition("\n\n")[0]
    for part in re.split(r"\n(?=\S)", textwrap.dedent(section)):
        names, _, text = part.partition(": ")
        for name in names.split(", "):
            words = _in_json(text)
            yield name, words[:1].upper() + words[1:]


def _in_json(text: str) -> str:
    """Return a text in one line, with the values of JSON."""
    return re.sub(r"\bNone\b", "null", " ".join(text.split())).replace("True", "true")


def _type(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a type."""
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return {"$ref": f"#/$defs/{_definition(hint, definitions)}"}
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin is tuple:
        return {"type": "array", "items": _type(inner[0], definitions)}
    if origin in (dict, Mapping):
        return {"type": "object"}
    if origin in (types.UnionType, typing.Union):
        parts = [_type(one, definitions) for one in inner]
        if all(part.keys() == {"type"} and isinstance(part["type"], str) and "items" not in part for part in parts):
            return {"type": [part["type"] for part in parts]}
        return {"oneOf": parts}
    if hint is Any:
        return {}
    raise TypeError(f"no schema of {hint}")
