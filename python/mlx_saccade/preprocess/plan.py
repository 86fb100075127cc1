"""From an image's size and a budget to a plan: what the image will become, before any pixel is touched.

    factor     = patch_size x merge_size
    max_pixels = max_tokens x factor^2

A plan follows the reference's smart_resize (transformers 5.23.0) within the limits that the budget stands for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlx_saccade import _core, families, validation
from mlx_saccade.errors import InputError, brief
from mlx_saccade.families import Family
from mlx_saccade.preprocess import runtimes

if TYPE_CHECKING:
    from mlx_saccade.media import Frame, ImageOptions, Source

__all__ = ["DEFAULT_TOKENS", "Plan", "limits", "plan", "smart_resize", "source_size", "within"]

DEFAULT_TOKENS = 1280
_MIN_TOKENS = 4
_MAX_RATIO = 200
MAX_PIXELS = 10**18 - 1  # that `smart_resize` takes
_ANY_PIXELS = 1 << 64  # of an image whose header alone is read: what is not decoded takes no memory


def smart_resize(
    height: int, width: int, factor: int = 28, min_pixels: int = 3136, max_pixels: int = 1003520
) -> tuple[int, int]:
    """The size that the reference gives an image, bit for bit (transformers 5.23.0 `smart_resize`).

    Mind the order: height first, as in the reference. Both sides come out as multiples of `factor`, rounded half to
    even. On extreme ratios the result can exceed `max_pixels`, because no side goes below `factor`.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        factor: 28 for Qwen2-VL and Qwen2.5-VL, 32 for Qwen3-VL.
        min_pixels: lower limit on the product of the sides.
        max_pixels: upper limit on the product of the sides.

    Returns:
        (height, width) in pixels.

    Raises:
        InputError: a value that is no whole number of at least 1, or a ratio of the sides over 200.
    """
    given = {
        "height": height, "width": width, "factor": factor, "min_pixels": min_pixels, "max_pixels": max_pixels
    }  # fmt: skip
    values = (_whole(value, name, "a whole number, at least 1") for name, value in given.items())
    return _core.smart_resize(*values)


@dataclass(frozen=True)
class Plan:
    """What an image, or each frame of a video, becomes. Sizes are (width, height).

    Attributes:
        family: geometry and conventions.
        source_size: of the upright image, in pixels.
        resized_size: that the model is shown, in pixels.
        min_pixels: lower limit that was used.
        max_pixels: upper limit that was used.
        budget: what was asked, in words, and where it came from.
        decoded_size: that a JPEG is decoded at by its own transform, as asked for with `reduced_jpeg`; None: whole.
        frames: of the grid: 1 for an image, for a video its frames / temporal_patch_size, rounded up.
        grid_thw: (frames, rows, columns) in patches.
        patches: frames x rows x columns.
        tokens: patches after merging.
        windows: attention windows, none of them empty; 0 for a family without windows.
        scale: (x, y) source pixels for one model pixel.
    """

    family: Family
    source_size: tuple[int, int]
    resized_size: tuple[int, int]
    min_pixels: int
    max_pixels: int
    budget: str
    decoded_size: tuple[int, int] | None = None
    frames: int = 1
    grid_thw: tuple[int, int, int] = field(init=False)
    patches: int = field(init=False)
    tokens: int = field(init=False)
    windows: int = field(init=False)
    scale: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        """Derive what follows from the sizes."""
        (width, height), patch, merge = self.resized_size, self.family.patch_size, self.family.merge_size
        rows, columns = height // patch, width // patch
        if rows * patch != height or columns * patch != width or rows % merge or columns % merge or not rows * columns:
            raise InputError(f"a resized size of {width}x{height} is no positive multiple of {self.family.factor}")
        windows = 0
        if self.family.window_size is not None:
            side = max(1, self.family.window_size // merge // patch)  # in tokens, as `mlx_saccade.window_index` counts
            windows = -(-rows // merge // side) * -(-columns // merge // side)
        derived = {
            "grid_thw": (self.frames, rows, columns),
            "patches": self.frames * rows * columns,
            "tokens": self.frames * rows * columns // merge**2,
            "windows": self.frames * windows,
            "scale": (self.source_size[0] / width, self.source_size[1] / height),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def to_source(self, xy: Sequence[float]) -> tuple[float, ...]:
        """A point (x, y) or a box (x1, y1, x2, y2) in model pixels, in source pixels. Nothing is clipped or rounded.

        Raises:
            InputError: neither two nor four finite numbers.
        """
        return tuple(value * self.scale[i % 2] for i, value in enumerate(_coordinates(xy)))

    def to_model(self, xy: Sequence[float]) -> tuple[float, ...]:
        """A point (x, y) or a box (x1, y1, x2, y2) in source pixels, in model pixels. Nothing is clipped or rounded.

        Raises:
            InputError: neither two nor four finite numbers.
        """
        return tuple(value / self.scale[i % 2] for i, value in enumerate(_coordinates(xy)))


def plan(
    image_or_size: tuple[int, int] | Frame | Source,
    *,
    family: str | Family = "qwen2.5-vl",
    budget: int | str | None = None,
    min_tokens: int | None = None,
    checkpoint_pixels: tuple[int, int] | None = None,
    reduced_jpeg: bool = False,
) -> Plan:
    """Say what an image will become.

    Args:
        image_or_size: (width, height), a `media.Frame`, or any image that `media.image_size` takes; only its header
            is read.
        family: name or `Family`.
        budget: int or digits: at most so many tokens; "1003520px": at most so many pixels; "checkpoint": the
            checkpoint's own limits; "ollama@0.13.3": that runtime's limits; None: 1,280 tokens, or the checkpoint's
            own cap where that is lower.
        min_tokens: smaller images are enlarged to so many tokens. None: 4, or the checkpoint's or runtime's own lower
            limit where the budget names one.
        checkpoint_pixels: (min_pixels, max_pixels) of a loaded checkpoint, in place of its family's.
        reduced_jpeg: decode a JPEG at the smallest of its own sizes (1, 1/2, 1/4, 1/8) that the plan only shrinks.
            Faster, but the patches are no longer those of the reference; the plan's decoded_size says so.

    Returns:
        The plan; its tokens never exceed the budget.

    Raises:
        InputError: a budget that is no budget, is below the family's lower limit (or below `min_tokens`) or cannot be
            met because no side goes below one token; a ratio of the sides over 200; an unknown family or runtime; what
            `media.image_size` refuses, but for its number of pixels: none is decoded.
        FileNotFoundError: no such file.
    """
    family = families.get(family)
    size = source_size(image_or_size)
    lower = None if min_tokens is None else _whole(min_tokens, "min_tokens", "a whole number of tokens, at least 1")
    made = within(size, family, *limits(family, budget, lower, checkpoint_pixels))
    return replace(made, decoded_size=_decoded_size(image_or_size, made.resized_size)) if reduced_jpeg else made


def within(source_size: tuple[int, int], family: Family, least: int, most: int, said: str) -> Plan:
    """What an image of a size becomes within limits on the pixels of the result.

    Args:
        source_size: (width, height), each at least 1.
        family: geometry and conventions.
        least: min_pixels.
        most: max_pixels.
        said: what the limits are, in words.

    Raises:
        InputError: a ratio of the sides over 200, or limits that the reference's arithmetic cannot keep.
    """
    width, height = source_size
    ratio = max(width, height) / min(width, height)
    if ratio > _MAX_RATIO:
        raise InputError(
            f"an image of {width}x{height} has a ratio of {ratio:.6g} between its sides; "
            f"the model takes at most {_MAX_RATIO}: crop it first"
        )
    resized = _resized(source_size, family, least, most)
    if resized[0] * resized[1] > most:
        raise InputError(_too_small(source_size, family, least, most, said))
    return Plan(family, source_size, resized, least, most, said)


def _resized(size: tuple[int, int], family: Family, least: int, most: int) -> tuple[int, int]:
    high, wide = smart_resize(size[1], size[0], family.factor, least, most)
    return wide, high


def _too_small(size: tuple[int, int], family: Family, least: int, most: int, said: str) -> str:
    """The message for a budget that the reference's arithmetic exceeds: narrow images, or limits close together."""
    area = family.factor**2
    whole = _resized(size, family, least, MAX_PIXELS)
    tokens = most // area + 1
    # One at a time only where the image is shrunk: a side of one token ends that below _MAX_RATIO tokens.
    while (resized := _resized(size, family, least, tokens * area)) != whole and math.prod(resized) > tokens * area:
        tokens += 1
    if resized == whole:  # it stays so, and fits from its own tokens on
        tokens = max(tokens, math.prod(whole) // area)
    return (
        f"an image of {size[0]}x{size[1]} does not fit into {said}: both sides are whole tokens and the least is "
        f"{-(-least // area)}; the smallest budget that holds it is {tokens} tokens"
    )


_BUDGETS = (
    "a budget is a whole number of tokens (1280), of pixels ('1003520px'), 'checkpoint' or a runtime ('ollama@0.13.3')"
)


def limits(
    family: Family, budget: int | str | None, lower: int | None, checkpoint_pixels: tuple[int, int] | None
) -> tuple[int, int, str]:
    """What a budget stands for.

    Args:
        family: geometry and limits of its checkpoints.
        budget: as `plan` takes it.
        lower: `min_tokens` of `plan`.
        checkpoint_pixels: as `plan` takes them.

    Returns:
        (min_pixels, max_pixels, in words).

    Raises:
        InputError: as `plan`, but for what depends on the image.
    """
    area = family.factor**2
    checkpoint = _checkpoint(family, checkpoint_pixels)
    floor = _MIN_TOKENS if lower is None else lower
    if budget is None:
        most = min(DEFAULT_TOKENS * area, checkpoint[1])
        said = f"{most // area} tokens ({'default' if most < checkpoint[1] else 'the cap of the checkpoint'})"
        least = min(floor * area, most) if lower is None else floor * area
    elif isinstance(budget, str) and not re.fullmatch(r"\s*[+-]?[\d_,.]+\s*(px)?\s*", budget):
        own_least, most, said = _named(family, budget, checkpoint, checkpoint_pixels is not None)
        least = own_least if lower is None else floor * area
    else:
        most, said = _counted(budget, area)
        allowed = family.min_pixels if lower is None else floor * area
        if most < allowed:
            whose = f"the least of {family.name}" if lower is None else "min_tokens"
            raise InputError(f"a budget of {said} is below {whose}, {-(-allowed // area)} tokens; raise it")
        least = floor * area
    if least > most:
        raise InputError(f"min_tokens {floor} is above the budget, {said}; lower it or raise the budget")
    return least, most, said


def _counted(budget: Any, area: int) -> tuple[int, str]:
    """(max_pixels, in words) of a budget that is a number."""
    if isinstance(budget, str):
        match = re.fullmatch(r"([0-9]{1,18})(px)?", budget)
        if match is None or int(match[1]) < 1:
            raise InputError(f"budget {brief(budget)} is not usable: {_BUDGETS}, at least 1")
        if match[2]:
            return int(match[1]), f"{int(match[1])} pixels"
        count = int(match[1])
    else:
        count = _whole(budget, "budget", _BUDGETS)
    if count * area > MAX_PIXELS:
        raise InputError(
            f"budget {brief(budget)} is not usable: at most {MAX_PIXELS // area} tokens of {area} pixels are"
        )
    return count * area, f"{count} tokens"


def _named(family: Family, budget: str, checkpoint: tuple[int, int], loaded: bool) -> tuple[int, int, str]:
    """(min_pixels, max_pixels, in words) of "checkpoint" or a runtime."""
    area = family.factor**2
    if budget == "checkpoint":
        least, most = checkpoint
        return least, most, f"{most // area} tokens ({'the checkpoint' if loaded else family.name + ' checkpoints'})"
    if budget.strip().lower().partition("@")[0] not in runtimes.names():
        raise InputError(
            f"budget {brief(budget)} is not usable: {_BUDGETS}; runtimes known: {', '.join(runtimes.names())}"
        )
    limits = runtimes.get(budget, family)
    least, most = checkpoint if limits.from_checkpoint else (limits.min_pixels, limits.max_pixels)
    return least, most, f"{most // area} tokens ({limits.runtime} {limits.versions})"


def _checkpoint(family: Family, pixels: tuple[int, int] | None) -> tuple[int, int]:
    if pixels is None:
        return family.min_pixels, family.max_pixels
    wanted = "(min_pixels, max_pixels), whole numbers of at least 1"
    if not isinstance(pixels, (tuple, list)) or len(pixels) != 2:
        raise InputError(f"checkpoint_pixels {brief(pixels)} is not usable: {wanted}")
    least, most = (_whole(value, "checkpoint_pixels", wanted) for value in pixels)
    if least > most:
        raise InputError(f"checkpoint_pixels is ({least}, {most}); the first must not be above the second")
    return least, most


def _whole(value: Any, name: str, wanted: str) -> int:
    """A whole number from 1 to `MAX_PIXELS` that a caller gave."""
    number = validation.integer(value)
    if number is None or not 1 <= number <= MAX_PIXELS:
        raise InputError(f"{name} {brief(value)} is not usable: {wanted}")
    return number


def source_size(image_or_size: Any, reading: ImageOptions | None = None) -> tuple[int, int]:
    """(width, height) of what `plan` takes: a size, or an image whose header is read, by default of any size.

    Raises:
        InputError: no size, or what `media.image_size` refuses.
        FileNotFoundError: no such file.
    """
    if isinstance(image_or_size, (tuple, list)):
        if len(image_or_size) != 2:
            raise InputError(f"a size is (width, height); got {len(image_or_size)} values")
        width, height = (_whole(side, "size", "(width, height) in pixels, at least 1") for side in image_or_size)
        return width, height
    from mlx_saccade import media

    return (reading or media.ImageOptions(max_pixels=_ANY_PIXELS)).size(image_or_size)


def _decoded_size(image: Any, resized: tuple[int, int]) -> tuple[int, int] | None:
    """The size that a JPEG may be decoded at to be resized to `resized`; None where that is its own."""
    if isinstance(image, (tuple, list)):
        raise InputError("reduced_jpeg needs the image itself, whose header says what it is; got a size alone")
    from mlx_saccade import media

    source, decoded = media.image_sizes(image, at_least=resized, max_pixels=_ANY_PIXELS)
    return None if decoded == source else decoded


def _coordinates(xy: Sequence[float]) -> tuple[float, ...]:
    try:
        values = tuple(float(value) for value in xy)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{brief(xy)} is neither a point (x, y) nor a box (x1, y1, x2, y2)") from None
    if len(values) not in (2, 4) or not all(map(math.isfinite, values)):
        raise InputError(f"{brief(xy)} is neither a point (x, y) nor a box (x1, y1, x2, y2) of finite numbers")
    return values
