"""Open the container of a film file with PyAV (the extra `video`), and read its packets.

A file that cannot be trusted may refer to no other file and to no address, whatever its container.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from mlx_saccade.errors import InputError
from mlx_saccade.media import other_files, sources

__all__ = ["opened", "packets", "pyav", "reason"]

# Names of FFmpeg's demuxers: none that reads a playlist, a list of other files, or a still image.
_CONTAINERS = "mov,matroska,webm,mpegts,mpeg,avi,flv,ogg,asf,gif,apng"
_KNOWN = "MP4, QuickTime, Matroska, WebM, MPEG-TS, MPEG-PS, AVI, Flash, Ogg, ASF and GIF"
_BUFFER = 1 << 18


@contextmanager
def opened(path: Any, name: str, max_pixels: int) -> Iterator[tuple[Any, Any]]:
    """Open a file and yield (container, video stream); the stream decodes with several threads.

    Args:
        path: of the file.
        name: short name for messages.
        max_pixels: largest product of a frame's sides.

    Raises:
        InputError: PyAV is not installed, or the file is empty, not a film, damaged, or without moving pictures.
        FileNotFoundError: no such file.
    """
    av = pyav(name)
    with sources.open_file(path) as file:
        if not file.read(1):
            raise InputError(f"{name}: is empty; give a film")
        file.seek(0)
        options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "none"}
        try:
            container = av.open(file, "r", options=options, buffer_size=_BUFFER, metadata_errors="replace")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise InputError(f"{name}: {_unreadable(file, error)}") from None
        with container:
            stream = _stream(container, name)
            stream.thread_type = "AUTO"
            # For sizes that change in the middle; a decoder rounds sides up to blocks.
            stream.codec_context.options = {"max_pixels": str(2 * max_pixels + _BUFFER)}
            yield container, stream


def _stream(container: Any, name: str) -> Any:
    """Return the first stream of moving pictures; covers of music are none."""
    cover = pyav(name).stream.Disposition.attached_pic
    streams = [one for one in container.streams.video if not one.disposition & cover]
    if not streams:
        kinds = sorted({one.type for one in container.streams}) or ["nothing"]
        raise InputError(f"{name}: expected a film; got a file of {' and '.join(kinds)}. It has no pictures")
    if streams[0].codec_context is None:
        raise InputError(f"{name}: this PyAV does not decode its pictures; convert it to H.264")
    return streams[0]


def packets(container: Any, stream: Any, name: str) -> Iterator[Any]:
    """Yield the packets of the stream, without the empty one at the end.

    Raises:
        InputError: the file is damaged.
    """
    av = pyav(name)
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except IndexError:  # PyAV's own, after the last packet, where a stream began in the middle of the file
        return
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{name}: is damaged ({reason(error)}); save or download it again") from None


def pyav(name: str) -> Any:
    """Return the module `av`, or say how to get it."""
    try:
        return importlib.import_module("av")
    except ImportError:
        raise InputError(
            f"{name}: reading a film needs PyAV, which is not installed: pip install 'mlx-saccade[video]'"
        ) from None


def _unreadable(file: BinaryIO, error: BaseException) -> str:
    """Return why a file is not opened as a film, and what to do."""
    file.seek(0)
    head = file.read(other_files.HEAD)
    kind = other_files.film_name(head)
    if kind is not None and "QuickTime" in kind and not _has_index(file):
        return f"is {kind} without its index, as one that was cut off while it was saved; save or download it again"
    if kind is not None:
        return f"is {kind} that is damaged ({reason(error)}); save or download it again"
    other = other_files.name_of(head)
    if other is not None:
        return f"is {other}"
    return f"is not a film; supported: {_KNOWN}"


def _has_index(file: BinaryIO) -> bool:
    """Return True if an MP4 or QuickTime file has the box that lists its frames."""
    at = 0
    while True:
        file.seek(at)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if len(head) < 8 or head[4:8] == b"moov":
            return len(head) >= 8
        size = int.from_bytes(head[8:], "big") if size == 1 else size
        if size < 8:  # 0: to the end of the file
            return False
        at += size


def reason(error: BaseException) -> str:
    """Return an error of PyAV in one line."""
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())[:120] or type(error).__name__
