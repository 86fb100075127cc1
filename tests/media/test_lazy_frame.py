"""A frame that is decoded when its pixels are read."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mlx_saccade import media

PIXELS = np.random.RandomState(2).randint(0, 256, (90, 120, 3), np.uint8)


def encoded(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_lazy_frame_is_the_frame_of_its_image_and_decodes_nothing_for_its_size() -> None:
    image = media.LazyImage(encoded(PIXELS))
    frame = media.LazyFrame(image)
    assert isinstance(frame, media.Frame)
    assert (frame.source_size, frame.notes, image.is_decoded) == ((120, 90), (), False)
    assert media.open_image(frame) is frame
    assert media.image_size(media.LazyImage(encoded(PIXELS))) == frame.source_size
    assert not image.is_decoded
    assert np.array_equal(frame.pixels, PIXELS)
    assert image.is_decoded
    assert np.array_equal(frame.crop((3, 5, 50, 60)).pixels, PIXELS[5:60, 3:50])


@pytest.mark.parametrize("order", ["rgb", "bgr", "bgra"])
def test_a_lazy_frame_keeps_the_order_of_an_array(order: str) -> None:
    stored = PIXELS if order == "rgb" else PIXELS[:, :, ::-1]
    if order == "bgra":
        stored = np.dstack([stored, np.full(PIXELS.shape[:2], 255, np.uint8)])
    options = media.ImageOptions(pixel_format=order)
    frame = media.LazyFrame(media.LazyImage(np.ascontiguousarray(stored), options))
    assert np.array_equal(frame.pixels, PIXELS)


def test_a_lazy_frame_of_a_region_is_the_region() -> None:
    frame = media.LazyFrame(media.LazyImage(encoded(PIXELS)).crop((10, 20, 60, 40)))
    assert frame.source_size == (60, 40)
    assert np.array_equal(frame.pixels, PIXELS[20:60, 10:70])
