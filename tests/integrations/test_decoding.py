"""Images on their way to mlx-vlm's image processor keep the order of their channels."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import noise
from screenshots import ScreenShot

from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm.decoding import image_part

BGRA = noise(60, 40, 4)


def test_screenshot_of_mss_states_its_order() -> None:
    np.testing.assert_array_equal(image_part(ScreenShot(BGRA)).frame().pixels, BGRA[..., 2::-1])


def test_part_of_a_message_has_the_format_of_its_array() -> None:
    part = {"type": "image", "image": BGRA, "pixel_format": "bgrx", "budget": 64}
    np.testing.assert_array_equal(image_part(part).frame().pixels, BGRA[..., 2::-1])
    with pytest.raises(InputError, match=r"^pixel_format: expected 'rgba', 'bgra', 'rgbx' or 'bgrx' for an array"):
        image_part(BGRA)
    with pytest.raises(InputError, match=r"^pixel_format: 'bgr' has 3 channels; got an array of shape"):
        image_part({**part, "pixel_format": "bgr"})


def test_channels_first_arrays_are_still_turned() -> None:
    pixels = noise(60, 40)
    np.testing.assert_array_equal(image_part(pixels.transpose(2, 0, 1)).frame().pixels, pixels)
