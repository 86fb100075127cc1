"""From a path, URL, bytes, base64, `PIL.Image` or array to an upright 8-bit RGB frame, by one stated policy."""

from __future__ import annotations

from saccade.media.decode import FORMATS, MAX_PIXELS
from saccade.media.frame import Frame
from saccade.media.opening import Encoded, Source, encoded, image_size, image_sizes, open_image
from saccade.media.reading import Reading
from saccade.media.sources import from_base64
from saccade.media.video import Video

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Encoded",
    "Frame",
    "Reading",
    "Source",
    "Video",
    "encoded",
    "from_base64",
    "image_size",
    "image_sizes",
    "open_image",
]
