"""A part of a frame is a frame."""

from __future__ import annotations

import numpy as np
import pytest

from mlx_saccade import media
from mlx_saccade.errors import InputError

PIXELS = np.random.RandomState(0).randint(0, 256, (40, 60, 3), dtype=np.uint8)


def test_crop_is_that_part() -> None:
    whole = media.open_image(PIXELS)
    part = whole.crop((10, 5, 60, 40))
    assert part.source_size == (50, 35)
    assert np.array_equal(part.pixels, PIXELS[5:40, 10:60])
    assert np.shares_memory(part.stored, whole.stored)
    assert not part.pixels.flags.writeable


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 61, 5), (0, 0, 5, 41), (5, 0, 5, 5), (5, 5, 4, 9)])
def test_a_crop_outside_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError, match="crop"):
        media.open_image(PIXELS).crop(box)
