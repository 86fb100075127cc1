"""Read the images of a command: files, standard input and raw pixels; and their place on a desktop."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlx_saccade.cli.size_words import parse_size
from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from mlx_saccade.media import ImageOptions

    Arguments = argparse.ArgumentParser | argparse._ArgumentGroup

__all__ = [
    "add_capture_arguments",
    "add_raw_arguments",
    "capture_options",
    "check_words",
    "is_stdin",
    "join_negative_values",
    "open_words",
    "raw_options",
    "source",
]

_STDIN = ("-", "/dev/stdin", "/dev/fd/0")
_MAX_BYTES = 1 << 30
_INTEGER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,9}(\.\d{0,9})?|\.\d{1,9})", re.ASCII)
_NEGATIVE_VALUES = ("--origin", "--region")


def add_raw_arguments(parser: Arguments) -> None:
    """Add the options of raw pixels without a header; `source` reads them."""
    parser.add_argument(
        "--raw-size", metavar="WIDTHxHEIGHT", help="read images as raw pixels of this size (default image files)"
    )
    parser.add_argument(
        "--pixel-format",
        metavar="NAME",
        help="raw channels: rgb, bgr, rgba, bgra, rgbx, bgrx, grey (default by number)",
    )


def add_capture_arguments(parser: Arguments) -> None:
    """Add the options of one image's place on a desktop; `capture_options` reads them."""
    parser.add_argument("--region", metavar="X,Y,W,H", help="part of the image to look in, in its pixels (default all)")
    parser.add_argument("--origin", metavar="X,Y", help="the image's left upper corner on the desktop (default 0,0)")
    parser.add_argument("--scale", metavar="S|X,Y", help="pixels per unit of the screen, 2 for Retina (default 1)")


def capture_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `add_capture_arguments` as an engine takes them; those not given are left out.

    Raises:
        InputError: one that is not numbers of its form.
    """
    read: dict[str, Any] = {}
    if options.region is not None:
        values = options.region.split(",")
        if len(values) != 4 or not all(_INTEGER.fullmatch(value.strip()) for value in values):
            raise InputError(
                f"--region: expected X,Y,WIDTH,HEIGHT in whole pixels; got {options.region}. Write such as 0,0,1280,720"
            )
        read["region"] = tuple(int(value) for value in values)
    if options.origin is not None:
        read["origin"] = _numbers("--origin", options.origin, (2,), "X,Y. Write such as -1920,0")
    if options.scale is not None:
        scale = _numbers("--scale", options.scale, (1, 2), "a number above 0, or X,Y. Write such as 2")
        if min(scale) <= 0 or not all(map(math.isfinite, scale)):
            raise InputError(f"--scale: expected a number above 0, or X,Y; got {options.scale}. Write such as 2")
        read["scale"] = scale if len(scale) == 2 else scale * 2
    return read


def _numbers(option: str, word: str, counts: tuple[int, ...], form: str) -> tuple[float, ...]:
    values = [value.strip() for value in word.split(",")]
    if len(values) not in counts or not all(_NUMBER.fullmatch(value) for value in values):
        expected, _, advice = form.partition(". ")
        raise InputError(f"{option}: expected {expected}; got {word}. {advice}")
    return tuple(float(value) for value in values)


def join_negative_values(words: Sequence[str]) -> list[str]:
    """Return a command line with `--origin -1920,0` as `--origin=-1920,0`: argparse takes the value for an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _NEGATIVE_VALUES and re.match(r"-[\d.]", word) and "--" not in joined:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def is_stdin(word: str) -> bool:
    """Return True if a word names standard input: "-", or its device, which is no regular file where it is a pipe."""
    return word in _STDIN


def open_words(options: argparse.Namespace, words: Sequence[str]) -> list[Any]:
    """Return the images that several words name, each as `source`.

    Raises:
        InputError, FileNotFoundError: as `source`, or standard input is named twice.
    """
    check_words(options, words)
    return [source(options, word) for word in words]


def check_words(options: argparse.Namespace, words: Sequence[str]) -> None:
    """Refuse what is wrong with the words of several images and the options of raw pixels, without reading an image.

    Raises:
        InputError: standard input is named twice, or an option of raw pixels does not fit.
    """
    if sum(map(is_stdin, words)) > 1:
        raise InputError("-: expected standard input once, as it has one image; got it twice. Give files")
    _raw_size(options)


def source(options: argparse.Namespace, word: str) -> Any:
    """Return what `mlx_saccade.media.open_image` takes: a path or URL as it is, standard input and raw pixels read.

    Args:
        options: of the command; without --raw-size only standard input is read here.
        word: a path, URL, data URI or "-".

    Raises:
        InputError: a terminal as standard input, raw pixels of another number, or an option that does not fit.
        FileNotFoundError: raw pixels in a file that does not exist.
    """
    size = _raw_size(options)
    if size is not None:
        return _raw(options, word, size)
    if not is_stdin(word):
        return word
    from mlx_saccade import media

    return media.Encoded(_stdin(word), "standard input")


def raw_options(options: argparse.Namespace, image_options: ImageOptions) -> ImageOptions:
    """Return the options of an image with --pixel-format among them."""
    from dataclasses import replace

    from mlx_saccade.media import pixel_formats

    return replace(image_options, pixel_format=pixel_formats.check(options.pixel_format, "--pixel-format"))


def _raw_size(options: argparse.Namespace) -> tuple[int, int] | None:
    """Return (width, height) of raw pixels; None for images in files.

    Raises:
        InputError: not a size, or --pixel-format without --raw-size.
    """
    word = getattr(options, "raw_size", None)
    if word is None:
        if getattr(options, "pixel_format", None) is not None:
            raise InputError(
                f"--pixel-format {options.pixel_format}: expected --raw-size beside it, as image files state their own "
                "order. Leave it out, or give the size of the raw pixels"
            )
        return None
    size = parse_size("--raw-size", word)
    if not all(size):
        raise InputError(f"--raw-size: expected WIDTHxHEIGHT; got {word}. Write a size such as 1920x1080")
    return size


def _raw(options: argparse.Namespace, word: str, size: tuple[int, int]) -> Any:
    """Return raw pixels as an array [height, width, channels]."""
    from mlx_saccade.media import pixel_formats, raw, sources

    name = pixel_formats.check(options.pixel_format, "--pixel-format")
    if is_stdin(word):
        data = _stdin(word)
    else:
        with sources.open_file(word) as file:
            data = file.read()
    advice = "Give --raw-size and --pixel-format of these pixels, without gaps between rows"
    pixels = raw.from_bytes(data, size, name, name=word, advice=advice)
    if name is None and pixels.shape[2] == 4:
        raise InputError(
            f"{word}: expected --pixel-format rgba, bgra, rgbx or bgrx, as four channels do not say their order. "
            "Most screen captures are bgra"
        )
    return pixels


def _stdin(word: str) -> bytes:
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None or stream.closed:
        raise InputError(f"{word}: expected an image on standard input; it is closed. Give the path of an image")
    if stream.isatty():
        raise InputError(
            f"{word}: expected an image on standard input; got a terminal. Pipe one in, or give the path of an image"
        )
    data: bytes = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise InputError(f"{word}: expected at most {_MAX_BYTES:,} bytes on standard input; got more. Save a file")
    return data
