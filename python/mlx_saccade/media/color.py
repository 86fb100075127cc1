"""From any image mode to 8-bit sRGB: 16-bit grey, color profiles, alpha.

Everything is as Pillow's `convert("RGB")` does it, with three stated differences: 16-bit grey is scaled by 1/257
(Pillow clips it to white) and a TIFF's 12-bit grey by 255/4095, an embedded ICC profile is converted to sRGB (Pillow
ignores it), and alpha is laid over a background (Pillow drops it). 16-bit color, and 16-bit grey that has an alpha of
its own, are already 8-bit when Pillow hands them over: the high byte of each value. PNG's gAMA, cHRM and cICP chunks
and EXIF's ColorSpace are ignored.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal, TypeAlias

from PIL import Image, ImageChops

from mlx_saccade.errors import InputError

if TYPE_CHECKING:
    from PIL import ImageCms

__all__ = ["Color", "over", "to_rgb"]

Color: TypeAlias = Literal["convert", "ignore"]
"""What becomes of an embedded color profile: converted to sRGB, or ignored as transformers does."""

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_PLAIN = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV")
_SPACES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}


def to_rgb(
    image: Image.Image,
    origin: str,
    *,
    background: tuple[int, int, int] | None = (255, 255, 255),
    color: Color = "convert",
    notes: list[str] | None = None,
) -> Image.Image:
    """Convert a decoded image.

    Args:
        image: any mode that Pillow decodes files to.
        origin: for messages.
        background: what shows through alpha, red, green, blue in 0..255; None drops alpha and shows what lies under it.
        color: "convert" applies an embedded profile; one that moves no color by more than one level is taken for sRGB
            itself, and the pixels stay as they are. "ignore" never looks at it.
        notes: gets a line where a profile is broken or made for another mode, and is set aside.

    Returns:
        Mode RGB.

    Raises:
        InputError: a mode without a stated range, or a malformed transparency.
    """
    profile = image.info.get("icc_profile") if color == "convert" else None
    image = _eight_bit(image, origin)
    alpha: Image.Image | None = None
    if image.mode in _ALPHA or "transparency" in image.info:
        grey = image.mode in ("1", "L", "LA", "La")
        image = _with_alpha(image, origin)
        alpha = image.getchannel("A")
        image = image.convert("RGB")
        # Grey stays grey, so that a profile for grey fits it.
        image = image.getchannel("R") if grey else image
    rgb = image
    if profile:
        try:
            rgb = _to_srgb(image, profile)
        except _UnusableProfileError as error:
            if notes is not None:
                notes.append(f"{origin}: its color profile was set aside: {error}")
    rgb = rgb if rgb.mode == "RGB" else rgb.convert("RGB")
    if alpha is None or background is None or alpha.getextrema() == (255, 255):
        return rgb
    return over(rgb, alpha, background)


def over(rgb: Image.Image, alpha: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Lay an image over one color, by Pillow's `alpha_composite`, as transformers does with white.

    Args:
        rgb: mode RGB.
        alpha: mode L, same size.
        background: red, green, blue in 0..255.

    Returns:
        Mode RGB.
    """
    top = rgb.copy()
    top.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", rgb.size, (*background, 255)), top).convert("RGB")


def _eight_bit(image: Image.Image, origin: str) -> Image.Image:
    """Return 16-bit grey as L (LA where one value is transparent); other known modes as they are."""
    # Pillow reads a 16-bit PGM, and some versions a 16-bit PNG, as 32-bit integers of 0..65535.
    sixteen = image.mode in _SIXTEEN_BIT or (image.mode == "I" and image.format in ("PPM", "PNG"))
    if sixteen:
        return _from_sixteen_bit(image)
    if image.mode in _PLAIN or image.mode in _ALPHA:
        return image
    if image.mode in ("I", "F"):
        raise InputError(f"{origin}: mode {image.mode} does not say its range; convert it to 'L' or 'I;16' first")
    raise InputError(f"{origin}: mode {image.mode} is not read; convert it to 'RGB' first")


def _from_sixteen_bit(image: Image.Image) -> Image.Image:
    import numpy as np

    values = np.asarray(image).astype(np.uint32)
    most, white_is_zero = _tiff_range(image)
    shown = most - values if white_is_zero else values
    grey = Image.fromarray(((shown * 255 + most // 2) // most).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def _tiff_range(image: Image.Image) -> tuple[int, bool]:
    """Return the greatest value of 16-bit grey, and whether it means black; Pillow reads neither."""
    tags = getattr(image, "tag_v2", {})
    bits, photometric = tags.get(258, (16,)), tags.get(262, 1)
    return 4095 if bits == (12,) else 65535, photometric == 0


def _with_alpha(image: Image.Image, origin: str) -> Image.Image:
    """Mode RGBA; one transparent color, or an alpha for each of a palette's, becomes alpha."""
    if image.mode == "La":
        image = image.convert("LA")
    try:
        return image.convert("RGBA")
    except (ValueError, TypeError) as error:  # not looked at before, as a PNG's alphas of more than 256 colors
        raise InputError(f"{origin}: its transparency cannot be read ({error}); save it again") from None


class _UnusableProfileError(Exception):
    """A profile that is broken, or that does not fit its image; the message says why."""


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Apply an ICC profile (perceptual intent, by LittleCMS).

    Raises:
        _UnusableProfileError: it is broken or made for another mode.
    """
    try:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = str(source.profile.xcolor_space)
    except (OSError, ImportError, TypeError, ValueError) as error:
        raise _UnusableProfileError(f"it cannot be read ({error})") from None
    mode = _native_mode(image)
    if space == "RGB " and mode == "L":
        mode = "RGB"
    if _SPACES.get(space) != mode:
        raise _UnusableProfileError(f"it is for {space.strip()}, the pixels are {image.mode}")
    try:
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if _changes_nothing(transform, mode):
            return image
        result = ImageCms.applyTransform(image if image.mode == mode else image.convert(mode), transform)
    except ImageCms.PyCMSError as error:
        raise _UnusableProfileError(f"it cannot be applied ({error})") from None
    assert result is not None
    return result


def _native_mode(image: Image.Image) -> str:
    """Return the mode whose values a profile describes."""
    if image.mode in ("1", "L"):
        return "L"
    return "CMYK" if image.mode == "CMYK" else "RGB"


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Tell whether a transform to sRGB moves a probe of colors by at most one level."""
    if mode == "CMYK":
        return False
    from PIL import ImageCms

    probe = _probe(mode)
    moved = ImageCms.applyTransform(probe, transform)
    assert moved is not None
    extrema = ImageChops.difference(probe.convert("RGB"), moved).getextrema()
    return all(int(high) <= 1 for _, high in extrema)  # type: ignore[misc]


def _probe(mode: str) -> Image.Image:
    """Return all greys, and for RGB a grid of 17 levels in each channel."""
    greys = bytes(range(256))
    if mode == "L":
        return Image.frombytes("L", (256, 1), greys)
    levels = [min(16 * i, 255) for i in range(17)]
    colors = bytes(value for r in levels for g in levels for b in levels for value in (r, g, b))
    colors += bytes(value for grey in greys for value in (grey,) * 3)
    return Image.frombytes("RGB", (len(colors) // 3, 1), colors)
