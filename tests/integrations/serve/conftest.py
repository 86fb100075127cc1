"""A service over the packaged checkpoint."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.integrations.image_arguments import ImageAccess
from mlx_saccade.integrations.serve.app import Service
from mlx_saccade.integrations.tools import Tools

SCENE = saccade.scenes.generate(1, (448, 336))


@pytest.fixture(scope="session")
def engine() -> saccade.Engine:
    return saccade.load(budget=100)


@pytest.fixture(scope="session")
def url() -> str:
    """The scene as a data URL."""
    return data_url(Image.fromarray(SCENE.image))


@pytest.fixture
def serve(engine: saccade.Engine) -> Callable[..., Service]:
    """Return a function that makes a service; it takes the fields of `Service`, and the images that it reads."""

    def make(*, images: ImageAccess | None = None, **fields: Any) -> Service:
        return Service(Tools(lambda: engine, access=images or ImageAccess(paths=False)), "tiny", **fields)

    return make


def data_url(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
