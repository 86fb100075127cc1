"""Read a path, URL, bytes, base64, `PIL.Image` or array as an upright 8-bit RGB frame, by one policy."""

from __future__ import annotations

from mlx_saccade.media.decode import FORMATS, MAX_PIXELS
from mlx_saccade.media.frame import Frame
from mlx_saccade.media.image import (
    Encoded,
    ImageOptions,
    LazyImage,
    Source,
    encoded,
    image_size,
    image_sizes,
    open_image,
    open_pages,
)
from mlx_saccade.media.sources import from_base64
from mlx_saccade.media.video import Video

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Encoded",
    "Frame",
    "ImageOptions",
    "LazyImage",
    "Source",
    "Video",
    "encoded",
    "from_base64",
    "image_size",
    "image_sizes",
    "open_image",
    "open_pages",
]
