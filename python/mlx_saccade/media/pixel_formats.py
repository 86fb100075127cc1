"""Name the channel orders of raw pixels, and choose the one of an array: its own, the caller's, or a refusal.

One rule for everything that takes an image: files, `PIL.Image`, frames and screenshots of mss say their own order. Of
a plain array, one channel is grey and three are RGB unless `pixel_format` says BGR. Four channels are refused without
a `pixel_format`: read in the wrong order, red and blue change places and nothing looks broken.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from mlx_saccade.errors import InputError, brief

__all__ = ["CHANNELS", "PixelFormat", "check", "has_alpha", "is_bgr", "of_array", "own_format", "refuse_contradiction"]

PixelFormat = Literal["rgb", "bgr", "rgba", "bgra", "rgbx", "bgrx", "grey"]
"""Channels in memory, first to last: "a" is alpha, "x" a byte without meaning."""

CHANNELS: dict[str, int] = {"rgb": 3, "bgr": 3, "rgba": 4, "bgra": 4, "rgbx": 4, "bgrx": 4, "grey": 1}
_DEFAULTS: dict[int, PixelFormat] = {1: "grey", 3: "rgb"}
_ADVICE = "Captures of macOS, Windows and Qt are 'bgra'; 'x' in place of 'a' ignores the fourth byte"


def check(pixel_format: Any, name: str = "pixel_format") -> PixelFormat | None:
    """Return a known pixel format, or None for None.

    Raises:
        InputError: an unknown format.
    """
    if pixel_format is None:
        return None
    # The type first: comparing an array with a string is neither true nor false.
    if not isinstance(pixel_format, str) or pixel_format not in CHANNELS:
        raise InputError(f"{name}: expected {_choices(get_args(PixelFormat))}; got {brief(pixel_format)}")
    return pixel_format  # type: ignore[return-value]


def own_format(source: object) -> PixelFormat | None:
    """Return the format that an object itself states: "bgrx" for a screenshot of mss, None for any other.

    mss names its bytes `bgra`, and does not promise that the fourth has a meaning. Nothing is read here, as reading
    `bgra` copies the pixels.
    """
    kind = type(source)
    return "bgrx" if all(hasattr(kind, name) for name in ("bgra", "rgb", "size")) else None


def of_array(source: object, shape: tuple[int, ...], pixel_format: PixelFormat | None) -> PixelFormat:
    """Choose the format of an array.

    Args:
        source: the object that the array came from; it may state its format.
        shape: of the array: [height, width] or [height, width, channels].
        pixel_format: as the caller says; None: the object's own, or by the number of channels.

    Raises:
        InputError: four channels and no format, another number of channels, or another order than the object's own.
    """
    refuse_contradiction(source, pixel_format)
    own, channels = own_format(source), shape[2] if len(shape) == 3 else 1
    chosen = own or pixel_format or _DEFAULTS.get(channels)
    if chosen is None:
        four = [name for name, count in CHANNELS.items() if count == channels]
        raise InputError(
            f"pixel_format: expected {_choices(four)} for an array of shape {shape}, as four channels do not say "
            f"their order; got none. {_ADVICE}"
        )
    if CHANNELS[chosen] != channels:
        raise InputError(
            f"pixel_format: {chosen!r} has {CHANNELS[chosen]} channels; got an array of shape {shape}. "
            f"Give {_choices([name for name, count in CHANNELS.items() if count == channels])}"
        )
    return chosen


def refuse_contradiction(source: object, pixel_format: PixelFormat | None) -> None:
    """Refuse another order than the one that an object states itself.

    Raises:
        InputError: naming both.
    """
    own = own_format(source)
    if own is not None and pixel_format not in (None, own, own.replace("x", "a")):
        raise InputError(
            f"pixel_format: expected 'bgra' or 'bgrx', as the {type(source).__name__} says itself; "
            f"got {pixel_format!r}. Leave it out"
        )


def has_alpha(pixel_format: PixelFormat) -> bool:
    """Return True if the fourth channel is alpha."""
    return pixel_format.endswith("a")


def is_bgr(pixel_format: PixelFormat) -> bool:
    """Return True if blue comes first."""
    return pixel_format.startswith("bgr")


def _choices(names: Any) -> str:
    *others, last = map(repr, names)
    return f"{', '.join(others)} or {last}" if others else last
