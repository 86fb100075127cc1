"""Small data sets: screens with one red marker each, whose place the lists state in their own convention."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

MARKER = (30, 20, 50, 28)
SIZE = (120, 90)

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Return a function that draws a screen with a red marker into a file below the test's folder."""

    def draw(name: str, box: tuple[int, int, int, int] = MARKER, size: tuple[int, int] = SIZE, **save: Any) -> Path:
        pixels = np.full((size[1], size[0], 3), 255, np.uint8)
        pixels[box[1] : box[3], box[0] : box[2]] = (255, 0, 0)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, **save)
        return path

    return draw


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Return a function that writes a file below the test's folder: bytes, text, or a value as JSON."""

    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
        return path

    return write
