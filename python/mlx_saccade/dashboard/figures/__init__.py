"""Figures that every dashboard shows: the packaged checkpoint's, from its model card, and published latencies."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

__all__ = ["load"]


def load(name: str) -> dict[str, Any]:
    """Return the content of a JSON file of this folder."""
    text = (resources.files(__name__) / f"{name}.json").read_text(encoding="utf-8")
    value: dict[str, Any] = json.loads(text)
    return value
