"""Say how an image was captured: the order of its channels, the part to look at, and its place on the desktop.

    screen = pixel / scale + origin

A pixel is (x, y) in the image that was given, also where only a region of it is shown to the model. The screen's units
are those of whatever clicks: points on macOS, pixels elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from mlx_saccade import validation
from mlx_saccade.errors import InputError, brief
from mlx_saccade.media import pixel_formats, region
from mlx_saccade.media.pixel_formats import PixelFormat
from mlx_saccade.media.region import Region

__all__ = ["NAMES", "SAME_UNITS", "WHOLE", "Capture", "Screen", "of", "read"]

NAMES = ("pixel_format", "region", "origin", "scale")


@dataclass(frozen=True)
class Screen:
    """The place of an image on a desktop.

    Attributes:
        origin: (x, y) of the image's left upper corner, in the clicker's units.
        scale: (x, y) pixels of the image for one of the clicker's units.
    """

    origin: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)

    @property
    def changes(self) -> bool:
        """True if the screen's units or corner differ from the image's."""
        return self.origin != (0, 0) or self.scale != (1, 1)

    def to_screen(self, xy: Sequence[float]) -> tuple[float, ...]:
        """Map a point (x, y) or box (x1, y1, x2, y2) from the image's pixels to the clicker's units, without rounding.

        Raises:
            InputError: `xy` is neither two nor four finite numbers.
        """
        values = validation.coordinates(xy)
        return tuple(value / self.scale[i % 2] + self.origin[i % 2] for i, value in enumerate(values))


SAME_UNITS = Screen()
"""An image whose pixels are the clicker's units, at the desktop's own corner."""


@dataclass(frozen=True)
class Capture:
    """The capture of one image; the default is a whole image whose pixels are the screen's units.

    Attributes:
        pixel_format: order of an array's channels; None: as `mlx_saccade.media.open_image` reads it.
        region: (x, y, width, height) of the part that the model is shown; None: the whole image.
        screen: place on the desktop.
    """

    pixel_format: PixelFormat | None = None
    region: Region | None = None
    screen: Screen = SAME_UNITS

    @property
    def corner(self) -> tuple[int, int]:
        """(x, y) of the part's left upper corner in the image's pixels."""
        return (0, 0) if self.region is None else self.region[:2]

    @property
    def places(self) -> tuple[str, ...]:
        """Names of the values that are about one image only, among those that are set."""
        is_set = {
            "region": self.region is not None,
            "origin": self.screen.origin != SAME_UNITS.origin,
            "scale": self.screen.scale != SAME_UNITS.scale,
        }
        return tuple(name for name, there in is_set.items() if there)

    def over(self, other: Capture) -> Capture:
        """Return this capture, with the values of another where this one has the default."""
        origin, scale = self.screen.origin, self.screen.scale
        screen = Screen(
            other.screen.origin if origin == SAME_UNITS.origin else origin,
            other.screen.scale if scale == SAME_UNITS.scale else scale,
        )
        return replace(
            self,
            pixel_format=self.pixel_format or other.pixel_format,
            region=other.region if self.region is None else self.region,
            screen=screen,
        )


WHOLE = Capture()
"""The default: a whole image in the screen's units."""


def read(options: Mapping[str, Any], where: str = "") -> Capture:
    """Read the options of a capture.

    Args:
        options: values by the names of `NAMES`; a missing or None one is the default.
        where: whose they are, for messages, such as "message 0, part 1"; default nobody's.

    Raises:
        InputError: an unknown format, a region that is not (x, y, width, height), an origin that is not two finite
            numbers, or a scale that is not one or two above 0. Whether the region lies inside is checked later.
    """
    prefix = f"{where}: " if where else ""
    values = {name: value for name, value in options.items() if value is not None}
    return Capture(
        pixel_formats.check(values.get("pixel_format"), f"{prefix}pixel_format"),
        region.check_form(values["region"], f"{prefix}region") if "region" in values else None,
        Screen(
            _origin(values.get("origin", SAME_UNITS.origin), f"{prefix}origin"),
            _scale(values.get("scale", SAME_UNITS.scale), f"{prefix}scale"),
        ),
    )


def of(pixel_format: Any, region: Any, origin: Any, scale: Any) -> Capture:
    """Return the capture of a question's arguments; errors as `read`."""
    return read(dict(zip(NAMES, (pixel_format, region, origin, scale), strict=True)))


def _origin(value: Any, name: str) -> tuple[float, float]:
    numbers = _pair(value)
    if numbers is None:
        raise InputError(
            f"{name}: expected (x, y), the image's left upper corner on the desktop; got {brief(value)}. "
            "Either may be negative"
        )
    return numbers


def _scale(value: Any, name: str) -> tuple[float, float]:
    numbers = _pair((value, value) if isinstance(value, Real) else value)
    if numbers is None or min(numbers) <= 0:
        raise InputError(
            f"{name}: expected pixels for one unit of the screen, a number above 0 or (x, y); got {brief(value)}. "
            "A Retina display has 2"
        )
    return numbers


def _pair(value: Any) -> tuple[float, float] | None:
    """Return two finite numbers as floats; None for anything else."""
    try:
        x, y = value
    except (TypeError, ValueError):
        return None
    if any(isinstance(number, bool) or not isinstance(number, Real) for number in (x, y)):
        return None
    try:
        pair = float(x), float(y)
    except OverflowError:
        return None
    return pair if all(map(math.isfinite, pair)) else None
