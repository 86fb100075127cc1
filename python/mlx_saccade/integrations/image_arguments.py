"""Read an image that a client of a server names in JSON: a path, a data URL, base64, a URL, or raw pixels.

How a text begins decides what it is, never what lies on the disk. Base64 without a "data:" before it is recognized by
the signature of an image file; such a text has no "." and at least 64 characters, which no path to an image has.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError, brief

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlx_saccade.media import Encoded, LazyImage

__all__ = ["MAX_FILE_BYTES", "MAX_TEXT_BYTES", "ImageAccess", "name_of"]

MAX_FILE_BYTES = 1 << 30
"""Largest file that is read; the pixels have the limit of `mlx_saccade.media` too."""
MAX_TEXT_BYTES = 64 << 20
"""Largest image in base64, once decoded."""

# PNG, JPEG, GIF, RIFF (WebP) and both orders of TIFF.
_SIGNATURES = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "SUkqA", "TU0AK")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{64,}={0,2}\s*")
_URLS = ("http://", "https://")


@dataclass(frozen=True)
class ImageAccess:
    """The kinds of images that the clients of a server may name.

    Attributes:
        paths: files of this machine, also as file URLs.
        urls: http and https URLs, which this machine fetches.
        max_pixels: of an image file, refused before decoding; None: as `mlx_saccade.media`.
    """

    paths: bool = True
    urls: bool = False
    max_pixels: int | None = None

    def open(self, text: str, *, raw_size: Any = None, pixel_format: Any = None, name: str = "image") -> LazyImage:
        """Read the bytes of an image; its pixels are decoded when they are needed.

        Args:
            text: a path, data URL, base64 or URL.
            raw_size: [width, height] if the bytes are raw pixels; None: they are an image file.
            pixel_format: channels of raw pixels, as `mlx_saccade.media.open_image` takes it.
            name: of the argument, for messages.

        Raises:
            InputError: a kind that is not allowed, base64 or a file that is too large, or what cannot be read.
            FileNotFoundError: no such file.
        """
        from mlx_saccade import media

        if raw_size is None:
            if pixel_format is not None:
                raise InputError(
                    f"pixel_format: expected raw_size beside it, as image files state their own order; got "
                    f"{brief(pixel_format)} alone. Leave it out"
                )
            return self.open_bytes(self._encoded(text, name))
        options = media.ImageOptions(pixel_format=pixel_format)
        return media.LazyImage(_raw(self._encoded(text, name), raw_size, pixel_format), options)

    def open_file(self, path: str) -> LazyImage:
        """Read the bytes of an image file, whatever its path looks like; errors as `open`."""
        from mlx_saccade import media
        from mlx_saccade.media import sources

        return self.open_bytes(media.Encoded(_file_bytes(path), sources.short(path)))

    def film(self, text: str, name: str) -> str | None:
        """Return the path of a film, which is opened by its path alone; None for another kind of text.

        Raises:
            InputError: the bytes of a film, or this server reads no files of its machine.
        """
        from mlx_saccade.media import sources

        if text[:11].lower() == "data:video/":
            raise InputError(
                f"{name}: expected the path of a film, or its frames with fps; got a film as data URL, which is not "
                "read. Send frames as data URLs, or the path to a server that was started with --allow-paths"
            )

        path = None if _is_base64(text) or text.lower().startswith(_URLS) else sources.named_file(text)
        if path is not None and not self.paths:
            raise InputError(
                f"{name}: expected the frames of a film; got a path, and this server reads no files of its machine. "
                "Send frames as data URLs with fps, or start the server with --allow-paths"
            )
        return path

    def open_bytes(self, encoded: Encoded) -> LazyImage:
        """Read an image file's bytes; its pixels are decoded when they are needed.

        Raises:
            InputError: `max_pixels` is not a whole number of at least 1.
        """
        from mlx_saccade import media

        options = media.ImageOptions(max_pixels=media.MAX_PIXELS if self.max_pixels is None else self.max_pixels)
        return media.LazyImage(encoded, options)

    def _encoded(self, text: str, name: str) -> Encoded:
        from mlx_saccade import media
        from mlx_saccade.media import sources

        if _is_base64(text) or text[:5].lower() == "data:":
            most = MAX_TEXT_BYTES // 3 * 4 + 256
            if len(text) > most:
                raise InputError(
                    f"{name}: expected at most {most:,} characters of base64; got {len(text):,}. Give a path"
                )
            if _is_base64(text):
                return media.Encoded(sources.from_base64(text), "base64")
            return media.Encoded(sources.from_data_uri(text), "data URL")
        if text.lower().startswith(_URLS):
            if not self.urls:
                raise InputError(
                    f"{name}: expected a path, data URL or base64; got a URL, which this server does not fetch. "
                    "Download the image, or start the server with --allow-urls"
                )
            return media.Encoded(sources.from_url(text), sources.short(text))
        path = sources.named_file(text)
        if path is None:
            raise InputError(f"{name}: expected a path, data URL, base64 or http(s) URL; got {sources.short(text)!r}")
        if not self.paths:
            raise InputError(
                f"{name}: expected a data URL or base64; got a path, and this server reads no files of its machine. "
                "Send the bytes of the image, or start the server with --allow-paths"
            )
        return media.Encoded(_file_bytes(path), sources.short(path))


def name_of(text: str) -> str:
    """Return an image as its client wrote it; base64 and a data URL without the data."""
    if _is_base64(text):
        return "base64"
    return text.partition(",")[0] + ",..." if text[:5].lower() == "data:" else text


def _is_base64(text: str) -> bool:
    return text.startswith(_SIGNATURES) and _BASE64.fullmatch(text) is not None


def _file_bytes(path: str) -> bytes:
    from mlx_saccade.media import sources

    try:
        with sources.open_file(os.path.expanduser(path) if path.startswith("~/") else path) as file:  # noqa: PTH111
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        if os.path.isabs(path) or path.startswith("~/"):  # noqa: PTH117
            raise
        raise FileNotFoundError(f"{error}: it is relative to {os.getcwd()}. Give an absolute one") from None  # noqa: PTH109
    if len(data) > MAX_FILE_BYTES:
        raise InputError(
            f"{sources.short(path)}: expected at most {MAX_FILE_BYTES:,} bytes; got more. Give a smaller image"
        )
    return data


def _raw(encoded: Encoded, raw_size: Any, pixel_format: Any) -> NDArray[np.uint8]:
    """Return raw pixels as an array [height, width, channels]."""
    from mlx_saccade import validation
    from mlx_saccade.media import pixel_formats, raw

    width, height = (validation.at_least(1, side, "raw_size", most=1 << 20) for side in raw_size)
    advice = "Give the raw_size and pixel_format of these pixels"
    name = pixel_formats.check(pixel_format)
    return raw.from_bytes(encoded.data, (width, height), name, name=encoded.origin, advice=advice)
