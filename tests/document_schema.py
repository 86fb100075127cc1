"""Check JSON documents with the schemas in docs/schemas that are written from dataclasses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

__all__ = ["checked"]

SCHEMAS = Path(__file__).parents[1] / "docs" / "schemas"


def checked(text: str, name: str) -> dict[str, Any]:
    """Return a document after a check by its schema, which describes each of its fields."""
    document: dict[str, Any] = json.loads(text)
    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)
    top = schema["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    assert document.keys() == top["properties"].keys()
    return document
