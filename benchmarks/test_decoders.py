"""What each well-kept decoder on PyPI makes of a 4K screen as PNG and as JPEG, and what `media.open_image` takes.

Every decoder starts from the bytes in memory and ends with a uint8 RGB array, which has to equal Pillow's before it is
timed.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from conftest import Cell
from numpy.typing import NDArray
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade.media import fast_decoders

Work = Callable[[], NDArray[np.uint8]]
TITLE = "Decoding a 4K screen"
# A screen as a program writes it, with alpha as some capture it, and as a camera or a chat sends it on.
FORMS = {
    "PNG": ("RGB", {"format": "PNG"}),
    "PNG with alpha": ("RGBA", {"format": "PNG"}),
    "JPEG": ("RGB", {"format": "JPEG", "quality": 92}),
}


def _photo(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    steps = np.random.default_rng(seed).integers(-6, 7, (height, width, 3))
    return np.clip(np.cumsum(steps, axis=1) + 128, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A generated 4K screen with a photograph-like part, in each form."""
    screen = saccade.scenes.generate(3, size=(3840, 2160)).image.copy()
    screen[:700, :1200] = _photo(0, 700, 1200)
    image, made = Image.fromarray(screen), {}
    for name, (mode, options) in FORMS.items():
        stream = io.BytesIO()
        image.convert(mode).save(stream, **options)
        made[name] = stream.getvalue()
    return made


# -- the sides: from the bytes of a file to a call without arguments; what is not installed is an ImportError ----------


def media(data: bytes) -> Work:
    return lambda: saccade.media.open_image(data).pixels


def media_with_pillow_alone(data: bytes) -> Work:
    def work() -> NDArray[np.uint8]:
        kept, fast_decoders.pixels = fast_decoders.pixels, lambda stream, image: None
        try:
            return saccade.media.open_image(data).pixels
        finally:
            fast_decoders.pixels = kept

    return work


def pillow(data: bytes) -> Work:
    def work() -> NDArray[np.uint8]:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))

    return work


def imagecodecs(data: bytes) -> Work:
    from imagecodecs import jpeg8_decode, png_decode

    decode = png_decode if data.startswith(b"\x89PNG") else jpeg8_decode
    return lambda: decode(data)[:, :, :3]


def opencv(data: bytes) -> Work:
    import cv2

    return lambda: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def pyspng(data: bytes) -> Work:
    from pyspng import load

    return lambda: load(data)[:, :, :3]


def simplejpeg(data: bytes) -> Work:
    from simplejpeg import decode_jpeg

    return lambda: decode_jpeg(data, "RGB", fastdct=False, fastupsample=False)


SIDES = {
    "mlx_saccade.media": media,
    "mlx_saccade.media, Pillow alone": media_with_pillow_alone,
    "Pillow": pillow,
    "imagecodecs": imagecodecs,
    "OpenCV": opencv,
    "pyspng": pyspng,
    "simplejpeg": simplejpeg,
}
ONLY = {"pyspng": "PNG", "simplejpeg": "JPEG"}


@pytest.mark.parametrize(
    ("row", "side"), [(row, side) for row in FORMS for side in SIDES if row.startswith(ONLY.get(side, ""))]
)
def test_decode(cell: Cell, files: dict[str, bytes], row: str, side: str) -> None:
    data = files[row]
    shown = f"{row}, {len(data) / 1e6:.1f} MB"
    try:
        work = SIDES[side](data)
    except ImportError as error:
        cell.missing(TITLE, shown, side, error)
    assert np.array_equal(work(), pillow(data)())
    note = ", ".join(f"{name} {version or 'missing'}" for name, version in fast_decoders.versions().items())
    cell.time(TITLE, shown, side, work, f"with {note}" if side == "mlx_saccade.media" else "", rounds=7)
