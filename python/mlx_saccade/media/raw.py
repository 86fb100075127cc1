"""Read raw pixels: bytes without a header, whose size and order of channels the caller says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlx_saccade.errors import InputError
from mlx_saccade.media.pixel_formats import CHANNELS, PixelFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["from_bytes"]


def from_bytes(
    data: bytes, size: tuple[int, int], pixel_format: PixelFormat | None, *, name: str, advice: str
) -> NDArray[np.uint8]:
    """Return raw pixels as an array [height, width, channels], without a copy.

    Args:
        data: rows from the top, without gaps between them.
        size: (width, height), each at least 1.
        pixel_format: order of the channels; None: their number follows from the bytes.
        name: of the source, for messages.
        advice: what to do about another number of bytes, for the message.

    Raises:
        InputError: bytes of another number than the size and format need.
    """
    import numpy as np

    width, height = size
    counts = sorted(set(CHANNELS.values())) if pixel_format is None else [CHANNELS[pixel_format]]
    channels, rest = divmod(len(data), width * height)
    if rest or channels not in counts:
        expected = " or ".join(f"{width * height * count:,}" for count in counts)
        order = "" if pixel_format is None else f" of {pixel_format}"
        raise InputError(
            f"{name}: expected {expected} bytes for {width}x{height} pixels{order}; got {len(data):,}. {advice}"
        )
    return np.frombuffer(data, np.uint8).reshape(height, width, channels)
