"""Open images: one policy for every kind of source, and a handle that reads its file once and decodes it on demand."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias, Union, get_args

from PIL import Image

from mlx_saccade.errors import InputError, brief
from mlx_saccade.media import arrays, decode, pages, pixel_formats
from mlx_saccade.media.color import Color
from mlx_saccade.media.frame import Frame
from mlx_saccade.media.opening import Encoded, open_stream, open_undecoded, reduce, stored_pixels
from mlx_saccade.media.orientation import upright_size
from mlx_saccade.media.pixel_formats import PixelFormat
from mlx_saccade.media.region import Region, check_inside

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "Encoded",
    "ImageOptions",
    "LazyFrame",
    "LazyImage",
    "Source",
    "check_format",
    "check_options",
    "encoded",
    "image_size",
    "image_sizes",
    "lacks_format",
    "open_image",
    "open_pages",
]

Source: TypeAlias = Union[
    str,
    "os.PathLike[str]",
    bytes,
    bytearray,
    memoryview,
    BinaryIO,
    Encoded,
    Image.Image,
    "npt.NDArray[np.generic]",
    Frame,
    "LazyImage",
]
"""A path, URL or data URI; encoded bytes or a binary file; a Pillow image; an array or a screenshot of mss; a frame; an
opened image."""

_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class ImageOptions:
    """The arguments of `open_image` of the same names, chosen once for many images.

    Of several images, `pixel_format` is that of the arrays that do not state their own; all others ignore it.
    """

    background: tuple[int, int, int] | None = _WHITE
    color: Color = "convert"
    orientation: bool = True
    allow_url: bool = False
    max_pixels: int = decode.MAX_PIXELS
    page: int = 1
    pixel_format: PixelFormat | None = None

    def __post_init__(self) -> None:
        """Check the options, as `open_image` would for every image.

        Raises:
            InputError: a background, color rule, limit or pixel format that `open_image` refuses.
        """
        check_options(background=self.background, color=self.color, max_pixels=self.max_pixels, page=self.page)
        pixel_formats.check(self.pixel_format)

    def open(self, source: Source) -> Frame:
        """Return the frame that `open_image` gives with these options."""
        return open_image(source, **{**asdict(self), "pixel_format": self.format_of(source)})

    def format_of(self, source: Any) -> PixelFormat | None:
        """Return `pixel_format` for an array that does not state its own, and None for any other source."""
        return self.pixel_format if lacks_format(source) else None

    def require_format(self, source: Any) -> None:
        """Refuse an array before it is read, if its channels have no stated order.

        Raises:
            InputError: as `open_image`, of the array's shape.
        """
        if arrays.is_array(source):
            _array_format(source, arrays.as_numpy(source), self.format_of(source))

    def size(self, source: Source) -> tuple[int, int]:
        """Return the size that `image_size` gives with these options."""
        names = ("orientation", "allow_url", "max_pixels", "page")
        return image_size(source, **{name: getattr(self, name) for name in names})

    def encoded(self, source: Source) -> Encoded | None:
        """Return the bytes that `encoded` gives with these options."""
        return encoded(source, allow_url=self.allow_url)

    @property
    def pixel_options(self) -> dict[str, Any]:
        """Return the options that change the decoded pixels, by name."""
        options = {"background": self.background, "color": self.color, "orientation": self.orientation}
        return options if self.page == 1 else {**options, "page": self.page}


class LazyImage:
    """An image whose file is read once, and whose pixels are decoded at most once, when they are needed.

    The size and the pixels come from the bytes that were read first, so a file that changes later changes nothing.
    The pixels stay in memory until `release`; inside a `with` block `release` waits for the end of the block.

    Attributes:
        region: the part (x, y, width, height) of another image that this one is; None for a whole image.
    """

    region: Region | None = None

    def __init__(self, source: Source, options: ImageOptions | None = None) -> None:
        """Read the bytes of a source; no pixel is decoded.

        Args:
            source: as `open_image`.
            options: how it is decoded; None: the defaults of `open_image`.

        Raises:
            InputError: a source that cannot be read, or an array whose channels have no stated order.
            FileNotFoundError: no such file.
        """
        self.options = ImageOptions() if options is None else options
        self.options.require_format(source)
        self.encoded = self.options.encoded(source)
        self._source = source if self.encoded is None else self.encoded
        self._frame: Frame | None = None
        self._notes: tuple[str, ...] | None = None
        self._blocks = 0

    def __enter__(self) -> LazyImage:
        """Keep the pixels, once they are decoded, until the end of the block."""
        self._blocks += 1
        return self

    def __exit__(self, *_: object) -> None:
        """Drop the pixels."""
        self._blocks -= 1
        self.release()

    @cached_property
    def size(self) -> tuple[int, int]:
        """(width, height) of the upright image, from its header.

        Raises:
            InputError: as `image_size`.
        """
        return self.options.size(self._source)

    @property
    def whole_size(self) -> tuple[int, int]:
        """(width, height) of the image that this one is a region of, or of itself; errors as `size`."""
        return self.size

    @property
    def pixel_options(self) -> dict[str, Any]:
        """Return what changes the decoded pixels, by name: options, and the region."""
        return self.options.pixel_options

    def crop(self, region: Region) -> LazyImage:
        """Return a region of this image as an image, decoded with it and not before.

        Args:
            region: (x, y, width, height) in pixels of the upright image, inside it.

        Raises:
            InputError: a region that is empty, leaves the image or has another form; or as `size`.
        """
        return _RegionImage(self, check_inside(region, self.size))

    @property
    def is_decoded(self) -> bool:
        """True if `frame` decodes nothing: the source is a frame or an array, or was decoded before."""
        return self._frame is not None or isinstance(self._source, Frame) or arrays.is_array(self._source)

    def frame(self) -> Frame:
        """Return the pixels, and keep them for the next call.

        Raises:
            InputError: as `open_image`.
        """
        if self._frame is None:
            self._frame = self.options.open(self._source)
            self._notes = self._frame.notes
        return self._frame

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes of the frame; of one that was never decoded, as its features are cached, those of the header."""
        if self._notes is None and self.encoded is not None:
            with open_undecoded(
                self.encoded, allow_url=False, max_pixels=self.options.max_pixels, page=self.options.page
            ) as one:
                self._notes = one.notes
        return self._notes or ()

    def release(self) -> None:
        """Drop the decoded pixels; the encoded bytes stay, and `frame` decodes them again."""
        if not self._blocks:
            self._frame = None


class _RegionImage(LazyImage):
    """A region of an image, which holds the bytes and the pixels for all of its regions."""

    def __init__(self, whole: LazyImage, region: Region) -> None:
        self.options, self.encoded, self.region = whole.options, whole.encoded, region
        self._whole = whole

    def __enter__(self) -> LazyImage:
        self._whole.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._whole.__exit__(*error)

    @cached_property
    def size(self) -> tuple[int, int]:
        assert self.region is not None
        return self.region[2:]

    @property
    def whole_size(self) -> tuple[int, int]:
        return self._whole.whole_size

    @property
    def pixel_options(self) -> dict[str, Any]:
        return {**self._whole.pixel_options, "region": self.region}

    def crop(self, region: Region) -> LazyImage:
        x, y, width, height = check_inside(region, self.size)
        assert self.region is not None
        return _RegionImage(self._whole, (self.region[0] + x, self.region[1] + y, width, height))

    @property
    def is_decoded(self) -> bool:
        return self._whole.is_decoded

    def frame(self) -> Frame:
        assert self.region is not None
        x, y, width, height = self.region
        return self._whole.frame().crop((x, y, x + width, y + height))

    @property
    def notes(self) -> tuple[str, ...]:
        return self._whole.notes

    def release(self) -> None:
        self._whole.release()


class LazyFrame(Frame):
    """The frame of an opened image, whose pixels are decoded when they are first read.

    The image keeps them as `LazyImage` says.
    """

    image: LazyImage

    def __init__(self, image: LazyImage) -> None:
        """Take an opened image, and read its header."""
        object.__setattr__(self, "image", image)  # frames are frozen
        object.__setattr__(self, "source_size", image.size)
        object.__setattr__(self, "origin", "image" if image.encoded is None else image.encoded.origin)

    @property
    def stored(self) -> npt.NDArray[np.uint8]:
        """The decoded pixels, as `Frame.stored`."""
        return self.image.frame().stored

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes of the image, as `Frame.notes`."""
        return self.image.notes

    @property
    def order(self) -> Literal["rgb", "bgr"]:
        """The order of the channels, as `Frame.order`."""
        return self.image.frame().order


def lacks_format(source: Any) -> bool:
    """Return True for an array that does not state the order of its channels, as a screenshot of mss does."""
    return arrays.is_array(source) and pixel_formats.own_format(source) is None


def _array_format(source: Any, array: npt.NDArray[Any], pixel_format: PixelFormat | None) -> PixelFormat:
    """Return the format of an array, or refuse the array; `source` is the object that it came from."""
    arrays.array_size(array)
    return pixel_formats.of_array(source, array.shape, pixel_format)


def open_image(
    source: Source,
    *,
    background: tuple[int, int, int] | None = _WHITE,
    color: Color = "convert",
    orientation: bool = True,
    allow_url: bool = False,
    max_pixels: int = decode.MAX_PIXELS,
    page: int = 1,
    at_least: tuple[int, int] | None = None,
    pixel_format: PixelFormat | None = None,
) -> Frame:
    """Read an image as upright 8-bit sRGB.

    What begins with "data:" is a data URI, with "http://" or "https://" a URL, with "file://" a path spelled as a URL,
    any other string a path; base64 alone has to be decoded first. Of an animation the first frame is read.
    CMYK, palettes, grey and 1-bit images are converted as Pillow's `convert("RGB")` does; 16-bit grey is scaled by
    1/257; of 16-bit color, and of 16-bit grey with alpha, the high byte is read. Arrays of uint16 are scaled by 1/257,
    those of floats by 255, to the nearest. A PDF needs the package pypdfium2. Its page is rendered at 200 dpi, whatever
    the token budget; above 100 million pixels at less, but not below 72 dpi.

    Args:
        source: a path, URL or data URI; the bytes of a file; a binary file object, such as `io.BytesIO`, which is read
            from its position, and from its start if it is at its end; a seekable one is then put back, so that it is
            the same image for every call; a `PIL.Image`; an array [h, w], [h, w, 1], [h, w, 3] or [h, w, 4] of uint8,
            uint16, bool or floats in 0..1, NumPy's or one in the CPU's memory that NumPy reads (MLX, PyTorch,
            DLPack); a screenshot of mss, whose fourth byte is ignored; a `Frame`, which is returned as it is; a
            `LazyImage`, whose own options count.
        background: what shows through alpha, red, green, blue in 0..255; None drops alpha, as mlx-vlm does.
        color: "convert" an embedded color profile to sRGB, or "ignore" it, as transformers does.
        orientation: turn the image as its EXIF tag says; TIFF is always turned. An unknown value means as stored.
        allow_url: whether a URL may be fetched.
        max_pixels: refuse, before decoding, what has more pixels; arrays are not counted.
        page: of a TIFF or PDF file, from 1; `open_pages` gives all.
        at_least: a JPEG file may be decoded at 1/2, 1/4 or 1/8 of its size, by its own transform, while both sides of
            the upright image stay at least (width, height). Faster, and not the same bits as decoding it whole.
        pixel_format: order of an array's channels: "rgb", "bgr", "rgba", "bgra", "rgbx", "bgrx" or "grey"; "x" is a
            byte to ignore. None (default): grey of one channel, RGB of three; an array of four needs it. Captures
            of macOS, Windows and Qt are "bgra", OpenCV's images "bgr". Alpha of "bgra" that is 0 everywhere is
            padding, with a note. Sources other than arrays state their own order.

    Returns:
        The frame; its origin is a short name for messages. Its notes say what was set aside: other pages, padding, or
        a color profile that is broken or does not fit.

    Raises:
        InputError: a source that is none of these, is no image, is broken or truncated, too large, has values
            outside the stated range, or channels of another or no stated order.
        FileNotFoundError: no such file.
    """
    check_options(background=background, color=color, max_pixels=max_pixels, at_least=at_least, page=page)
    check_format(source, pixel_format)
    if isinstance(source, Frame):
        return source
    if isinstance(source, LazyImage):
        return source.frame()
    if arrays.is_array(source):
        array = arrays.as_numpy(source)
        chosen = _array_format(source, array, pixel_format)
        pixels = arrays.from_array(array, pixel_format=chosen, background=background)
        size = pixels.stored.shape[1], pixels.stored.shape[0]
        return Frame(pixels.stored, size, "array", pixels.notes, "bgr" if pixels.is_bgr else "rgb")
    with open_undecoded(source, allow_url=allow_url, max_pixels=max_pixels, page=page) as opened:
        turn = opened.turn if orientation else 1
        source_size = upright_size(opened.image.size, turn)
        reduce(opened, at_least, turn)
        notes = list(opened.notes)
        stored = stored_pixels(opened, turn, background=background, color=color, notes=notes)
        stored.flags.writeable = False
        return Frame(stored, source_size, opened.origin, tuple(notes))


def open_pages(source: Source, options: ImageOptions | None = None) -> list[LazyImage]:
    """Return each page of a TIFF or PDF file as an image, and any other source as one image.

    Args:
        source: as `open_image`.
        options: how they are decoded; None: the defaults of `open_image`. Its page is not used.

    Raises:
        InputError, FileNotFoundError: as `open_image`, where the file or its header cannot be read.
    """
    options = ImageOptions() if options is None else options
    data = options.encoded(source)
    if data is None:
        return [LazyImage(source, options)]
    with open_undecoded(data, allow_url=False, max_pixels=options.max_pixels, page=1) as opened:
        count = len(pages.frames(opened.image, opened.file))
    return [LazyImage(data, replace(options, page=page)) for page in range(1, count + 1)]


def image_size(
    source: Source,
    *,
    orientation: bool = True,
    allow_url: bool = False,
    max_pixels: int = decode.MAX_PIXELS,
    page: int = 1,
) -> tuple[int, int]:
    """Return the (width, height) that `open_image` would give; only the header is read.

    Args:
        source: as `open_image`.
        orientation: as `open_image`.
        allow_url: as `open_image`; the whole file is fetched.
        max_pixels: as `open_image`.
        page: as `open_image`.

    Raises:
        InputError: as `open_image`, except damage behind the header.
        FileNotFoundError: no such file.
    """
    return image_sizes(source, orientation=orientation, allow_url=allow_url, max_pixels=max_pixels, page=page)[0]


def image_sizes(
    source: Source,
    *,
    orientation: bool = True,
    allow_url: bool = False,
    max_pixels: int = decode.MAX_PIXELS,
    page: int = 1,
    at_least: tuple[int, int] | None = None,
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the (width, height) of a source, and of the pixels that `open_image` would decode from it.

    The two differ only where `at_least` lets a JPEG be decoded smaller. Only the header is read. Arguments as
    `open_image`, errors as `image_size`.
    """
    check_options(max_pixels=max_pixels, at_least=at_least, page=page)
    if isinstance(source, Frame):
        return source.source_size, (source.stored.shape[1], source.stored.shape[0])
    if isinstance(source, LazyImage):
        return source.size, source.size
    if arrays.is_array(source):
        size = arrays.array_size(arrays.as_numpy(source))
        return size, size
    with open_undecoded(source, allow_url=allow_url, max_pixels=max_pixels, page=page) as opened:
        turn = opened.turn if orientation else 1
        whole = upright_size(opened.image.size, turn)
        reduce(opened, at_least, turn)
        return whole, upright_size(opened.image.size, turn)


def encoded(source: Source, *, allow_url: bool = False) -> Encoded | None:
    """Read a source's whole file, so that the bytes that are hashed and those that are decoded are the same.

    Returns:
        The bytes; None for a source that holds pixels (a `PIL.Image`, an array, a `Frame`).

    Raises:
        InputError: as `open_image`, where the source cannot be read.
        FileNotFoundError: no such file.
    """
    if isinstance(source, Encoded):
        return source
    if isinstance(source, LazyImage):
        return source.encoded if source.region is None else None
    if isinstance(source, (Frame, Image.Image)) or arrays.is_array(source):
        return None
    stream, origin = open_stream(source, allow_url)
    with stream:
        return Encoded(stream.read(), origin)


def check_format(source: Any, pixel_format: PixelFormat | None) -> None:
    """Refuse an unknown pixel format, or one that contradicts a source that states its own.

    Raises:
        InputError: naming the format; "rgb" contradicts no file, since every file becomes RGB.
    """
    if pixel_formats.check(pixel_format) is None:
        return
    if arrays.is_array(source):
        pixel_formats.refuse_contradiction(source, pixel_format)
        return
    if pixel_format == "rgb":
        return
    own = f"an image of mode {source.mode}" if isinstance(source, Image.Image) else "a file or an opened image"
    if isinstance(source, Image.Image) and pixel_format == {"L": "grey"}.get(source.mode, source.mode.lower()):
        return
    advice = "Leave it out"
    if isinstance(source, (bytes, bytearray, memoryview)):
        advice += ", or give raw pixels as an array [height, width, channels]"
    raise InputError(
        f"pixel_format: expected none for {own}, which states its own order; got {pixel_format!r}. {advice}"
    )


def check_options(
    *, max_pixels: Any, background: Any = None, color: Any = "convert", at_least: Any = None, page: Any = 1
) -> None:
    """Check the options of `open_image`.

    Raises:
        InputError: a value that `open_image` does not take.
    """
    if background is not None:
        is_valid = isinstance(background, (tuple, list)) and len(background) == 3
        if not is_valid or any(isinstance(v, bool) or not isinstance(v, int) or not 0 <= v <= 255 for v in background):
            raise InputError(f"background {brief(background)} is no color: give (red, green, blue) in 0..255, or None")
    if not isinstance(color, str) or color not in get_args(Color):
        raise InputError(f"color is {brief(color)}; it is 'convert' or 'ignore'")
    if isinstance(max_pixels, bool) or not isinstance(max_pixels, int) or max_pixels < 1:
        raise InputError(f"max_pixels is {brief(max_pixels)}; it must be a whole number of at least 1")
    if isinstance(page, bool) or not isinstance(page, int) or page < 1:
        raise InputError(f"page: expected a whole number of at least 1; got {brief(page)}")
    if at_least is not None:
        is_valid = isinstance(at_least, (tuple, list)) and len(at_least) == 2
        if not is_valid or any(isinstance(side, bool) or not isinstance(side, int) or side < 1 for side in at_least):
            raise InputError(f"at_least is {brief(at_least)}; give (width, height) in pixels, at least 1")
