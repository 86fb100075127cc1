"""Images as mlx-vlm passes them around while they wait for the image processor: read by `mlx_saccade.media`.

mlx-vlm decodes a path itself with `convert("RGB")`, which drops transparency. An `ImagePart` stands in its place until
the image processor opens it: mlx-vlm asks it for its height and width alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mlx_saccade.errors import InputError, brief
from mlx_saccade.integrations.mlx_vlm import budgets
from mlx_saccade.media import ImageOptions, LazyImage, arrays
from mlx_saccade.media.image import check_format
from mlx_saccade.media.pixel_formats import PixelFormat
from mlx_saccade.preprocess import limits
from mlx_saccade.preprocess.limits import PixelLimits

__all__ = ["ImagePart", "image_part"]

# mlx-vlm fetches URLs, so a command that works without the hooks works with them.
_OPTIONS = ImageOptions(allow_url=True)
_SOURCES = ("image", "image_url", "url", "path")


class ImagePart(LazyImage):
    """An image with limits of its own, which is decoded when the image processor takes it."""

    def __init__(
        self,
        source: Any,
        options: Mapping[str, Any] | None = None,
        resize_shape: tuple[int, int] | None = None,
        *,
        pixel_format: PixelFormat | None = None,
    ) -> None:
        """Read the bytes of an image.

        Args:
            source: as `mlx_saccade.media.open_image`, URLs included; an array whose first axis has length 3 is
                channels first, as in mlx-vlm.
            options: limits of this image: `budgets.PART_OPTIONS`.
            resize_shape: mlx-vlm's own: (width, height) in pixels into which the image is first fitted.
            pixel_format: order of an array's channels; one of four channels needs it.

        Raises:
            InputError: a source or an option that cannot be read.
            FileNotFoundError: no such file.
        """
        check_format(source, pixel_format)
        super().__init__(_channels_last(source), replace(_OPTIONS, pixel_format=pixel_format))
        self.limits: PixelLimits = limits.read(dict(options or {}), "image")
        self.resize_shape = resize_shape
        self.identity = repr((source, sorted((options or {}).items()), resize_shape)) if type(source) is str else None

    @property
    def height(self) -> int:
        """Return the height of the upright image in pixels."""
        return self.size[1]

    @property
    def width(self) -> int:
        """Return the width of the upright image in pixels."""
        return self.size[0]


def image_part(image: Any, resize_shape: tuple[int, int] | None = None) -> ImagePart:
    """Return an image of a request as a part.

    Args:
        image: a part, which is returned as it is; a message's part such as {"type": "image", "image": "shot.png",
            "budget": 400}, which may have the `pixel_format` of its array; a URL or path, which may carry limits
            (`budgets.mark`); or any other source of an image.
        resize_shape: as `ImagePart`.

    Raises:
        InputError, FileNotFoundError: as `ImagePart`.
    """
    if isinstance(image, ImagePart):
        return image
    if isinstance(image, Mapping):
        options, pixel_format = budgets.part_options(image), image.get("pixel_format")
        return ImagePart(_source_of(image), options, resize_shape, pixel_format=pixel_format)
    if isinstance(image, str):
        return ImagePart(*budgets.unmark(image), resize_shape)
    return ImagePart(image, None, resize_shape)


def _source_of(part: Mapping[str, Any]) -> Any:
    sources = [part[name] for name in _SOURCES if part.get(name) is not None]
    if len(sources) == 1 and isinstance(sources[0], Mapping):
        sources = [sources[0]["url"]] if sources[0].get("url") is not None else []
    if len(sources) != 1:
        raise InputError(f"image: expected a part with one of {', '.join(_SOURCES)}; got {brief(dict(part))}")
    return sources[0]


def _channels_last(image: Any) -> Any:
    if not arrays.is_array(image):
        return image
    array = arrays.as_numpy(image)
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] not in (1, 3, 4):
        return np.ascontiguousarray(array.transpose(1, 2, 0))
    return image
