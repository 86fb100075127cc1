"""Read the sizes of images from words such as 3840x2160."""

from __future__ import annotations

import os
import re

from mlx_saccade.errors import InputError, brief

__all__ = ["image_or_size", "parse_screen_size", "parse_size"]

# 3840x2160, 3840X2160 or 3840×2160; digits are bounded, so that no number is slow to read.
_SIZE = re.compile(r"([0-9]{1,9})[xX\N{MULTIPLICATION SIGN}]([0-9]{1,9})")
# What can only be meant as a size, of whatever numbers and with whatever sign between them.
_ALMOST_SIZE = re.compile(r"[0-9]+([*xX\N{MULTIPLICATION SIGN}, ]+[0-9]+)?")


def image_or_size(word: str) -> str | tuple[int, int]:
    """Return (width, height) of a word such as 3840x2160, and any other word as it is: the path of an image.

    Raises:
        InputError: the word looks like a size, but is none and no file.
    """
    match = _SIZE.fullmatch(word)
    if match is not None:
        return int(match[1]), int(match[2])
    if _ALMOST_SIZE.fullmatch(word) and not os.path.lexists(word[:255]):
        raise InputError(
            f"{brief(word)}: expected an image file, or a size such as 3840x2160 of at most 9 digits a side"
        )
    return word


def parse_size(option: str, word: str) -> tuple[int, int]:
    """Return (width, height) of a word such as 3840x2160.

    Args:
        option: name of the option, for the message.
        word: the option's value.

    Raises:
        InputError: the word is not a size.
    """
    match = _SIZE.fullmatch(word)
    if match is None:
        raise InputError(f"{option}: expected WIDTHxHEIGHT; got {word}. Write a size such as 3840x2160")
    return int(match[1]), int(match[2])


def parse_screen_size(option: str, word: str, *, scale: int = 1) -> tuple[int, int]:
    """Return (width, height) of a word such as 3840x2160, for a generated screen.

    Args:
        option: name of the option, for the message.
        word: the option's value.
        scale: pixels per point; default 1.

    Raises:
        InputError: the word is not a size, or no screen of that size can be generated.
    """
    from mlx_saccade.scenes.generator import SIDES

    size, low, high = parse_size(option, word), SIDES[0] * scale, SIDES[1]
    if not all(low <= side <= high for side in size):
        raise InputError(f"{option}: expected sides from {low} to {high} pixels; got {word}. Give another size")
    if any(side % scale for side in size):
        raise InputError(f"{option}: expected even sides at --scale {scale}; got {word}. Give another size")
    return size
