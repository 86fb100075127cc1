"""Render the pages of a PDF with pypdfium2 (the extra `pdf`), as an image of Pillow's kind.

A page has a fixed size in pixels, whatever the token budget: boxes in source pixels then mean one place on the page,
and a zoom finds detail that one look at the whole page has not. A point of the page is `DPI` / 72 pixels.
"""

from __future__ import annotations

import importlib
import math
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, BinaryIO

from PIL import Image

__all__ = ["DPI", "MAX_PAGE_PIXELS", "MIN_DPI", "PdfImage"]

DPI = 200
"""Resolution of a page, in pixels an inch."""

MIN_DPI = 72
"""Least resolution of a page that would have more than `MAX_PAGE_PIXELS` at `DPI`."""

MAX_PAGE_PIXELS = 100_000_000
"""Pixels of a page above which its resolution is lowered."""

# PDFium allows one call at a time in a process, and closing is a call: no document may wait for the garbage collector.
_one_at_a_time = threading.Lock()
# A side that is a whole number of pixels, up to float32's error, must not be rounded up to one more.
_JUST_UNDER = 1 - 1e-6


class PdfImage(Image.Image):
    """The pages of a PDF; the selected page is rendered when its pixels are loaded.

    Attributes:
        n_frames: number of pages.
    """

    format = "PDF"

    def __init__(self, stream: BinaryIO, _name: str | None = None) -> None:
        """Read a document and select its first page.

        Args:
            stream: the file, read to its end.

        Raises:
            ImportError: pypdfium2 is not installed.
            RuntimeError, ValueError: the document is damaged, has no pages or needs a password.
        """
        super().__init__()
        self._mode = "RGB"
        self._data = stream.read()
        self._page = 0
        with _document(self._data) as document:
            self.n_frames = len(document)
            self._size = _pixel_size(document.get_page_size(0))

    def seek(self, frame: int) -> None:
        """Select a page, numbered from 0."""
        with _document(self._data) as document:
            self._size = _pixel_size(document.get_page_size(frame))
        self._page = frame
        self._im = None

    def load(self) -> Any:
        """Render the selected page, forms and annotations included, on white."""
        if self._im is None:
            self.im = self._rendered().im
        return super().load()

    def _rendered(self) -> Image.Image:
        try:
            with _document(self._data) as document, closing(document[self._page]) as page:
                scale = _scale(document.get_page_size(self._page))
                with closing(page.render(scale=scale)) as bitmap:
                    image: Image.Image = bitmap.to_pil()
        except MemoryError:
            raise ValueError("the memory is too small for its page") from None
        return image


@contextmanager
def _document(data: bytes) -> Iterator[Any]:
    """Open a document while no other thread uses PDFium."""
    pdfium = importlib.import_module("pypdfium2")
    with _one_at_a_time, closing(_opened(pdfium, data)) as document:
        if not len(document):
            raise ValueError("it has no pages")
        # Without this the contents of fields are not drawn. XFA, another kind of form, is not rendered.
        if document.get_formtype() == pdfium.raw.FORMTYPE_ACRO_FORM:
            document.init_forms()
        yield document


def _opened(pdfium: Any, data: bytes) -> Any:
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise ValueError("it needs a password") from None
        raise


def _pixel_size(points: tuple[float, float]) -> tuple[int, int]:
    """Return (width, height) in pixels, rounded up as pypdfium2 does, of a page in points."""
    scale = _scale(points)
    return math.ceil(points[0] * scale), math.ceil(points[1] * scale)


def _scale(points: tuple[float, float]) -> float:
    """Return the pixels of a point.

    Raises:
        ValueError: the page has no area.
    """
    area = points[0] * points[1] / 72**2
    if not (math.isfinite(area) and area > 0):
        raise ValueError(f"a page is {points[0]:g}x{points[1]:g} points")
    dpi = min(DPI, max(MIN_DPI, math.sqrt(MAX_PAGE_PIXELS / area)))
    return dpi / 72 * _JUST_UNDER
