"""A policy of reading images, decided once and kept: what an engine is given for all its images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mlx_saccade.media import decode, opening
from mlx_saccade.media.colour import Color
from mlx_saccade.media.frame import Frame

__all__ = ["Reading"]


@dataclass(frozen=True)
class Reading:
    """How images are read: the arguments of `open_image` of the same names."""

    background: tuple[int, int, int] | None = (255, 255, 255)
    color: Color = "convert"
    orientation: bool = True
    allow_url: bool = False
    max_pixels: int = decode.MAX_PIXELS

    def __post_init__(self) -> None:
        """Check what `open_image` would refuse of every image.

        Raises:
            InputError: a background, colour rule or limit that is none.
        """
        opening.check_options(background=self.background, color=self.color, max_pixels=self.max_pixels)

    def open(self, source: opening.Source) -> Frame:
        """As `open_image`."""
        return opening.open_image(source, **asdict(self))

    def size(self, source: opening.Source) -> tuple[int, int]:
        """As `image_size`."""
        return opening.image_size(
            source, orientation=self.orientation, allow_url=self.allow_url, max_pixels=self.max_pixels
        )

    def encoded(self, source: opening.Source) -> opening.Encoded | None:
        """As `encoded`."""
        return opening.encoded(source, allow_url=self.allow_url)

    @property
    def look(self) -> dict[str, Any]:
        """What makes the same bytes come out as other pixels."""
        return {"background": self.background, "color": self.color, "orientation": self.orientation}
