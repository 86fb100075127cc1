"""Read a path, URL, bytes, base64, `PIL.Image` or array as an upright 8-bit RGB frame, by one policy; and films."""

from __future__ import annotations

from mlx_saccade.media.decode import FORMATS, MAX_PIXELS
from mlx_saccade.media.frame import Frame
from mlx_saccade.media.image import (
    Encoded as Encoded,
)
from mlx_saccade.media.image import (
    ImageOptions,
    Source,
    image_size,
    open_image,
    open_pages,
)
from mlx_saccade.media.image import (
    LazyFrame as LazyFrame,
)
from mlx_saccade.media.image import (
    LazyImage as LazyImage,
)
from mlx_saccade.media.image import (
    encoded as encoded,
)
from mlx_saccade.media.image import (
    image_sizes as image_sizes,
)
from mlx_saccade.media.sampling import sample_frames
from mlx_saccade.media.sources import from_base64 as from_base64
from mlx_saccade.media.video import Video
from mlx_saccade.media.video_files import (
    VideoFile as VideoFile,
)
from mlx_saccade.media.video_files import (
    is_film as is_film,
)
from mlx_saccade.media.video_files import open_frame, open_video

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Frame",
    "ImageOptions",
    "Source",
    "Video",
    "image_size",
    "open_frame",
    "open_image",
    "open_pages",
    "open_video",
    "sample_frames",
]
