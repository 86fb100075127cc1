"""Check JSON output with docs/schemas/answer-1.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "schemas" / "answer-1.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def check(value: Any, name: str = "") -> None:
    """Validate an object, and check that the schema describes each of its fields."""
    VALIDATOR.validate(value)
    assert list(unknown_fields(value, SCHEMA["$defs"][name or forms()[value["schema"]]])) == []


def forms() -> dict[str, str]:
    """Return the definition of each form by its value of `schema`."""
    names = ("answers_document", "answer_line", "error_document")
    return {SCHEMA["$defs"][name]["properties"]["schema"]["const"]: name for name in names}


def unknown_fields(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    schema = resolve(schema)
    if isinstance(value, list) and "items" in schema:
        for one in value:
            yield from unknown_fields(one, schema["items"], f"{path}[]")
    elif isinstance(value, dict) and "properties" in schema:
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from unknown_fields(inner, schema["properties"][name], f"{path}.{name}")
            else:
                yield f"{path}.{name}"


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return resolve(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    if "allOf" in schema:
        parts = [resolve(part) for part in schema["allOf"]] + [{"properties": schema["properties"]}]
        return {"properties": {name: field for part in parts for name, field in part["properties"].items()}}
    return schema
