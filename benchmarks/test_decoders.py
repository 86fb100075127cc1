"""Time `media.open_image` of a 4K screen as PNG and JPEG beside the maintained decoders on PyPI.

Every decoder starts with the bytes in memory and returns a uint8 RGB array, which must equal Pillow's before it is
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
# A screen saved by a program, captured with alpha, and sent on by a camera or a chat.
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
    """Return a generated 4K screen with a photograph-like part, in each form."""
    screen = saccade.scenes.generate(3, size=(3840, 2160)).image.copy()
    screen[:700, :1200] = _photo(0, 700, 1200)
    image, encoded = Image.fromarray(screen), {}
    for name, (mode, options) in FORMS.items():
        stream = io.BytesIO()
        image.convert(mode).save(stream, **options)
        encoded[name] = stream.getvalue()
    return encoded


# -- the sides: each returns the call to time, and raises ImportError if the decoder is not installed ------------------


def media(data: bytes) -> Work:
    """Return saccade's decoder."""
    return lambda: saccade.media.open_image(data).pixels


def media_with_pillow_alone(data: bytes) -> Work:
    """Return saccade's decoder without the optional packages."""

    def work() -> NDArray[np.uint8]:
        original, fast_decoders.pixels = fast_decoders.pixels, lambda stream, image: None
        try:
            return saccade.media.open_image(data).pixels
        finally:
            fast_decoders.pixels = original

    return work


def pillow(data: bytes) -> Work:
    """Return Pillow's decoder, with a copy into an array."""

    def work() -> NDArray[np.uint8]:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))

    return work


def imagecodecs(data: bytes) -> Work:
    """Return imagecodecs' PNG or JPEG decoder."""
    from imagecodecs import jpeg8_decode, png_decode

    decode = png_decode if data.startswith(b"\x89PNG") else jpeg8_decode
    return lambda: decode(data)[:, :, :3]


def opencv(data: bytes) -> Work:
    """Return OpenCV's decoder."""
    import cv2

    return lambda: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def kornia_rs(data: bytes) -> Work:
    """Return kornia-rs's PNG decoder."""
    from kornia_rs.io import decode_image_png_u8

    with Image.open(io.BytesIO(data)) as image:
        shape, mode = (image.height, image.width), image.mode.lower()
    return lambda: decode_image_png_u8(data, shape, mode)[:, :, :3]


def pyspng(data: bytes) -> Work:
    """Return pyspng's PNG decoder."""
    from pyspng import load

    return lambda: load(data)[:, :, :3]


def simplejpeg(data: bytes) -> Work:
    """Return simplejpeg's decoder, exact as libjpeg's default."""
    from simplejpeg import decode_jpeg

    return lambda: decode_jpeg(data, "RGB", fastdct=False, fastupsample=False)


SIDES = {
    "mlx_saccade.media": media,
    "mlx_saccade.media, Pillow alone": media_with_pillow_alone,
    "Pillow": pillow,
    "imagecodecs": imagecodecs,
    "OpenCV": opencv,
    "kornia-rs": kornia_rs,
    "pyspng": pyspng,
    "simplejpeg": simplejpeg,
}
ONLY = {"kornia-rs": "PNG", "pyspng": "PNG", "simplejpeg": "JPEG"}


@pytest.mark.parametrize(
    ("row", "side"), [(row, side) for row in FORMS for side in SIDES if row.startswith(ONLY.get(side, ""))]
)
def test_decode(cell: Cell, files: dict[str, bytes], row: str, side: str) -> None:
    data = files[row]
    label = f"{row}, {len(data) / 1e6:.1f} MB"
    try:
        work = SIDES[side](data)
    except ImportError as error:
        cell.missing(TITLE, label, side, error)
    assert np.array_equal(work(), pillow(data)())
    note = ", ".join(f"{name} {version or 'missing'}" for name, version in fast_decoders.versions().items())
    cell.time(TITLE, label, side, work, f"with {note}" if side == "mlx_saccade.media" else "", rounds=7)
