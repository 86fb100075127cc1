"""What libtiff prints on standard error while it decodes: of some damage the only sign, for Pillow reads on.

Listening takes the process's standard error for as long as a TIFF is decoded, so that only a program which owns the
process may ask for it: the command line does.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["heard", "listen"]

_STDERR = 2
_LONGEST = 120
_asked = threading.Event()
_one_at_a_time = threading.Lock()


def listen() -> None:
    """From now on take what libtiff prints for damage, in the whole process."""
    if sys.__stderr__ is not None:  # else the descriptor may be any file's by now, the image's own too
        _asked.set()


@contextmanager
def heard(image: Image.Image) -> Iterator[list[str]]:
    """The first line that is printed while a TIFF is decoded within, filled in at the end; where nobody listens, none.

    Yields:
        An empty list, then of at most one line.
    """
    lines: list[str] = []
    with ExitStack() as kept:
        # A file and no pipe: nobody reads before the end, and there may be a line for each row.
        if _asked.is_set() and image.format == "TIFF":
            kept.enter_context(_one_at_a_time)
            try:
                caught, own = kept.enter_context(tempfile.TemporaryFile()), os.dup(_STDERR)
            except OSError:  # nowhere to keep what is printed
                pass
            else:
                kept.callback(_give_back, own, caught.fileno(), lines)
                os.dup2(caught.fileno(), _STDERR)
        yield lines


def _give_back(own: int, caught: int, lines: list[str]) -> None:
    os.dup2(own, _STDERR)
    os.close(own)
    first = os.pread(caught, 4 * _LONGEST, 0).decode(errors="replace").strip().partition("\n")[0]
    if first:
        # Pillow gives libtiff no file's name but this one.
        lines.append("".join(filter(str.isprintable, first)).removeprefix("tempfile.tif: ")[:_LONGEST])
