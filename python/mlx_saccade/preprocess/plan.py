"""Plans: the resized size, grid and tokens of an image, computed from its size and a budget.

    factor     = patch_size x merge_size
    max_pixels = max_tokens x factor^2

The resized size is that of smart_resize (transformers 5.23.0) within the pixel limits of the budget. Gemma 4 has other
budgets and another rule: `mlx_saccade.preprocess.gemma4`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from numbers import Number
from typing import TYPE_CHECKING, Any, Literal

from mlx_saccade import _core, families, validation
from mlx_saccade.errors import InputError, brief, quantity
from mlx_saccade.families import Family
from mlx_saccade.gpu import choice
from mlx_saccade.preprocess import gemma4, runtimes

if TYPE_CHECKING:
    from mlx_saccade.media import Frame, ImageOptions, Source

__all__ = [
    "DEFAULT_TOKENS",
    "AreaLimits",
    "Plan",
    "kinds_of",
    "limits",
    "plan",
    "smart_resize",
    "source_size",
    "within",
]

DEFAULT_TOKENS = 1280
MAX_RATIO = 200
MAX_PIXELS = 10**18 - 1  # the most that `smart_resize` takes
_ANY_PIXELS = 1 << 64  # no limit where only the header is read: an image that is not decoded takes no memory


def smart_resize(
    height: int, width: int, factor: int = 28, min_pixels: int = 3136, max_pixels: int = 1003520
) -> tuple[int, int]:
    """Compute the resized size of an image, equal to `smart_resize` of transformers 5.23.0.

    The order is height first, as in the reference. Both sides are multiples of `factor`, rounded half to even. At
    extreme ratios the result can exceed `max_pixels`, because no side goes below `factor`.

    Args:
        height: height of the image in pixels.
        width: width of the image in pixels.
        factor: divisor of both resized sides: 28 (default) for Qwen2-VL and Qwen2.5-VL, 32 for Qwen3-VL.
        min_pixels: lower limit on the product of the sides; default 3136.
        max_pixels: upper limit on the product of the sides; default 1003520.

    Returns:
        (height, width) in pixels.

    Raises:
        InputError: a value is not a whole number of at least 1, or the ratio of the sides is over 200.
    """
    arguments = {
        "height": height, "width": width, "factor": factor, "min_pixels": min_pixels, "max_pixels": max_pixels
    }  # fmt: skip
    values = (_whole(value, name, "a whole number, at least 1") for name, value in arguments.items())
    return _core.smart_resize(*values)


@dataclass(frozen=True)
class Plan:
    """The plan of an image, or of each frame of a video. Sizes are (width, height).

    Attributes:
        family: geometry and conventions of the model's family.
        source_size: size of the upright image in pixels.
        resized_size: size in pixels that the model sees.
        min_pixels: lower limit that applied, in pixels.
        max_pixels: upper limit that applied, in pixels.
        budget: description of the budget and of where it came from.
        decoded_size: size at which a JPEG is decoded under `reduced_jpeg`; None if it is decoded whole.
        frames: frames of the grid: 1 for an image, frames / temporal_patch_size rounded up for a video.
        notes: sentences on the budget; empty unless it is below the least that the family's checkpoints have.
        grid_thw: (frames, rows, columns) in patches.
        patches: frames x rows x columns.
        tokens: visual tokens, the patches after merging.
        windows: number of attention windows; 0 for a family without windows.
        scale: (x, y) source pixels per model pixel.
    """

    family: Family
    source_size: tuple[int, int]
    resized_size: tuple[int, int]
    min_pixels: int
    max_pixels: int
    budget: str
    decoded_size: tuple[int, int] | None = None
    frames: int = 1
    notes: tuple[str, ...] = ()
    grid_thw: tuple[int, int, int] = field(init=False)
    patches: int = field(init=False)
    tokens: int = field(init=False)
    windows: int = field(init=False)
    scale: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        """Derive grid, tokens, windows and scale from the sizes."""
        (width, height), patch, merge = self.resized_size, self.family.patch_size, self.family.merge_size
        rows, columns = height // patch, width // patch
        if rows * patch != height or columns * patch != width or rows % merge or columns % merge or not rows * columns:
            raise InputError(f"resized_size: expected positive multiples of {self.family.factor}; got {width}x{height}")
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

    @property
    def device(self) -> Literal["cpu", "gpu"]:
        """Device on which `patchify` computes the native patches with device="auto"."""
        return choice.choose("auto", "resize_patchify", math.prod(self.decoded_size or self.source_size))

    def __repr__(self) -> str:
        """Return the family, sizes and tokens in short."""
        (width, height), (resized_w, resized_h) = self.source_size, self.resized_size
        times = f", {self.frames} times" if self.frames > 1 else ""
        sizes = f"{width}x{height} as {resized_w}x{resized_h}{times}"
        return f"Plan({self.family.name}: {sizes}, {quantity(self.tokens, 'token')}, budget: {self.budget})"

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, for JSON.

        `patch_bytes` is the memory of its patches: uint8, for Gemma 4 float32.
        """
        return {
            "family": self.family.name,
            "budget": self.budget,
            "min_pixels": self.min_pixels,
            "max_pixels": self.max_pixels,
            "source_size": list(self.source_size),
            "decoded_size": list(self.decoded_size or self.source_size),
            "resized_size": list(self.resized_size),
            "grid_thw": list(self.grid_thw),
            "tokens": self.tokens,
            "patches": self.patches,
            "windows": self.windows,
            "scale": list(self.scale),
            "notes": list(self.notes),
            "patch_bytes": self.patches * 3 * self.family.patch_size**2 * (4 if self.family.budgets else 1),
        }

    def to_source(self, xy: Sequence[float]) -> tuple[float, ...]:
        """Map a point (x, y) or box (x1, y1, x2, y2) from model pixels to source pixels, without clipping or rounding.

        Raises:
            InputError: `xy` is neither two nor four finite numbers.
        """
        return tuple(value * self.scale[i % 2] for i, value in enumerate(validation.coordinates(xy)))

    def to_model(self, xy: Sequence[float]) -> tuple[float, ...]:
        """Map a point (x, y) or box (x1, y1, x2, y2) from source pixels to model pixels, without clipping or rounding.

        Raises:
            InputError: `xy` is neither two nor four finite numbers.
        """
        return tuple(value / self.scale[i % 2] for i, value in enumerate(validation.coordinates(xy)))


def plan(
    image_or_size: tuple[int, int] | Frame | Source,
    *,
    family: str | Family = "qwen2.5-vl",
    budget: int | str | None = None,
    min_tokens: int | None = None,
    checkpoint_pixels: tuple[int, int] | None = None,
    reduced_jpeg: bool = False,
) -> Plan:
    """Return the plan of an image: its resized size, grid and tokens.

    Args:
        image_or_size: (width, height), a `media.Frame`, or any image that `media.image_size` takes; only its header
            is read.
        family: name of the model's family, or a `Family`; default "qwen2.5-vl".
        budget: maximum visual tokens of the image, as int or digits; "1003520px" is a maximum of pixels, "checkpoint"
            the checkpoint's own limits, "ollama@0.13.3" the limits of that runtime. None (default) is 1,280 tokens,
            or the checkpoint's cap where that is lower. Gemma 4 takes 70, 140, 280 (default), 560 and 1,120 only.
        min_tokens: minimum visual tokens; smaller images are enlarged. None (default) is the least of the family or of
            the loaded checkpoint, or the lower limit of the runtime that the budget names. A budget below the least
            wins, and `Plan.notes` says so. Gemma 4 enlarges every image to its budget and takes none.
        checkpoint_pixels: (min_pixels, max_pixels) of a loaded checkpoint; None (default) is those of the family.
        reduced_jpeg: decode a JPEG at the smallest of its own sizes (1, 1/2, 1/4, 1/8) that is not below the resized
            size; default False. Faster, but the patches differ from the reference's; see `Plan.decoded_size`.

    Returns:
        The plan; its tokens never exceed the budget.

    Raises:
        InputError: the budget is malformed, below `min_tokens`, or too small for the image's shape; the ratio of the
            sides is over 200; the family or runtime is unknown; or `media.image_size` refuses the image. Any number
            of pixels is accepted, as none is decoded.
        FileNotFoundError: the file does not exist.
    """
    family = families.get(family)
    size = source_size(image_or_size)
    lower = None if min_tokens is None else _whole(min_tokens, "min_tokens", "a whole number of tokens, at least 1")
    area = limits(family, budget, lower, checkpoint_pixels)
    whole = within(size, family, area.least, area.most, area.budget, yields=area.yields, notes=area.notes)
    return replace(whole, decoded_size=_decoded_size(image_or_size, whole.resized_size)) if reduced_jpeg else whole


@dataclass(frozen=True)
class AreaLimits:
    """Limits on the pixels of a resized image.

    Attributes:
        least: min_pixels.
        most: max_pixels.
        budget: description of the limits, for the plan and for messages.
        yields: True if `least` gives way where an image does not fit between the two.
        notes: sentences on the budget, for the plan.
    """

    least: int
    most: int
    budget: str
    yields: bool = False
    notes: tuple[str, ...] = ()


def within(
    source_size: tuple[int, int],
    family: Family,
    least: int,
    most: int,
    budget: str,
    *,
    yields: bool = False,
    notes: tuple[str, ...] = (),
) -> Plan:
    """Return the plan of an image size within limits on the pixels of the result.

    Args:
        source_size: (width, height) in pixels, each at least 1.
        family: geometry and conventions.
        least: min_pixels.
        most: max_pixels.
        budget: description of the limits, for the plan and for messages.
        yields: lower `least` where an image does not fit between the two; default False.
        notes: sentences on the budget, for the plan; default none.

    Raises:
        InputError: the ratio of the sides is over 200, or the reference's arithmetic cannot keep the limits.
    """
    if family.budgets:
        resized = gemma4.resized_size(source_size, family, most // family.factor**2)
        return Plan(family, source_size, resized, least, most, budget, notes=notes)
    width, height = source_size
    ratio = max(width, height) / min(width, height)
    if ratio > MAX_RATIO:
        raise InputError(
            f"an image of {width}x{height} has a ratio of {ratio:.6g} between its sides; "
            f"the model takes at most {MAX_RATIO}. Crop it first"
        )
    resized = _resized(source_size, family, least, most)
    if yields and math.prod(resized) > most:
        least = _largest_least(source_size, family, most)
        resized = _resized(source_size, family, least, most)
    if math.prod(resized) > most:
        raise InputError(_too_small(source_size, family, least, most, budget))
    return Plan(family, source_size, resized, least, most, budget, notes=notes)


def _largest_least(size: tuple[int, int], family: Family, most: int) -> int:
    """Return the largest lower limit, in pixels of whole tokens, with which an image fits; 1 token if none does."""
    area = family.factor**2
    low, high = 1, max(1, most // area)  # a larger lower limit gives no smaller image
    while low < high:
        middle = (low + high + 1) // 2
        if math.prod(_resized(size, family, middle * area, most)) <= most:
            low = middle
        else:
            high = middle - 1
    return low * area


def _resized(size: tuple[int, int], family: Family, least: int, most: int) -> tuple[int, int]:
    high, wide = smart_resize(size[1], size[0], family.factor, least, most)
    return wide, high


def _too_small(size: tuple[int, int], family: Family, least: int, most: int, budget: str) -> str:
    """Write the message for a budget that the reference exceeds: narrow images, or limits close together."""
    area = family.factor**2
    whole = _resized(size, family, least, MAX_PIXELS)
    tokens = most // area + 1
    # Only a shrunk image needs this search; one side is then one token, so it ends below MAX_RATIO tokens.
    while (resized := _resized(size, family, least, tokens * area)) != whole and math.prod(resized) > tokens * area:
        tokens += 1
    if resized == whole:  # a larger budget changes nothing more, and the image fits from its own tokens on
        tokens = max(tokens, math.prod(whole) // area)
    return (
        f"an image of {size[0]}x{size[1]} does not fit into {budget}: both sides are whole tokens and the least is "
        f"{-(-least // area)}; the smallest budget that holds it is {quantity(tokens, 'token')}"
    )


_BUDGET = "a whole number of tokens (1280), of pixels ('1003520px'), 'checkpoint' or a runtime ('ollama@0.13.3')"


def limits(
    family: Family,
    budget: int | str | None,
    lower: int | None,
    checkpoint_pixels: tuple[int, int] | None,
    *,
    floor: int | None = None,
) -> AreaLimits:
    """Return the pixel limits of a budget.

    Args:
        family: geometry and limits of its checkpoints.
        budget: as in `plan`.
        lower: `min_tokens` of `plan`.
        checkpoint_pixels: as in `plan`.
        floor: lower limit in pixels where `lower` is None and the budget names none; None (default) is the
            checkpoint's.

    Raises:
        InputError: as `plan`, except for what depends on the image.
    """
    area = family.factor**2
    if family.budgets:
        if lower is not None:
            raise InputError(f"min_tokens: expected none for {family.name}, which fills its budget. Leave it out")
        tokens = gemma4.read_budget(family, budget)
        return AreaLimits(area, tokens * area, f"{tokens} tokens{' (default)' if budget is None else ''}")
    checkpoint = _checkpoint(family, checkpoint_pixels)
    if isinstance(budget, str) and not re.fullmatch(r"\s*[+-]?[\d_,.]+\s*(px)?\s*", budget):
        own = _named(family, budget, checkpoint, checkpoint_pixels is not None)
        if lower is None:
            return own
        most, description = own.most, own.budget
    elif budget is None:
        most = min(DEFAULT_TOKENS * area, checkpoint[1])
        description = f"{most // area} tokens ({'default' if most < checkpoint[1] else 'the cap of the checkpoint'})"
    else:
        most, description = _counted(budget, area)
        if lower is not None and most < lower * area:
            raise InputError(f"a budget of {description} is below min_tokens, {quantity(lower, 'token')}; raise it")
    if lower is None:
        return _yielding(family, checkpoint[0] if floor is None else floor, most, description)
    if lower * area > most:
        raise InputError(f"min_tokens {lower} is above the budget, {description}; lower it or raise the budget")
    return AreaLimits(lower * area, most, description)


def _yielding(family: Family, floor: int, most: int, budget: str) -> AreaLimits:
    """Return limits whose lower one gives way to the budget, with a note where the budget is below it."""
    if most >= floor:
        return AreaLimits(floor, most, budget, yields=True)
    note = (
        f"a budget of {budget} is below the least of {family.name}, {quantity(-(-floor // family.factor**2), 'token')}"
        "; answers may get worse"
    )
    return AreaLimits(most, most, budget, yields=True, notes=(note,))


def _counted(budget: Any, area: int) -> tuple[int, str]:
    """Return (max_pixels, description) of a budget that is a number."""
    if isinstance(budget, str):
        match = re.fullmatch(r"([0-9]+)(px)?", budget)
        if match is not None and len(match[1].lstrip("0")) > len(str(MAX_PIXELS)):
            raise _too_large(budget, area)
        if match is None or int(match[1]) < 1:
            raise InputError(f"budget: expected {_BUDGET}, at least 1; got {brief(budget)}")
        if match[2]:
            return int(match[1]), quantity(int(match[1]), "pixel")
        count = int(match[1])
    else:
        number = validation.integer(budget)
        if number is not None and number > MAX_PIXELS:
            raise _too_large(budget, area)
        count = _whole(budget, "budget", f"{_BUDGET}, at least 1")
    if count * area > MAX_PIXELS:
        raise _too_large(budget, area)
    return count * area, quantity(count, "token")


def _too_large(budget: Any, area: int) -> InputError:
    return InputError(
        f"budget: expected at most {MAX_PIXELS // area} tokens of {area} pixels; got {brief(budget)}, which is "
        "too large"
    )


def _named(family: Family, budget: str, checkpoint: tuple[int, int], loaded: bool) -> AreaLimits:
    """Return the limits of "checkpoint" or of a runtime."""
    area = family.factor**2
    if budget == "checkpoint":
        least, most = checkpoint
        name = "the checkpoint" if loaded else f"{family.name} checkpoints"
        return AreaLimits(least, most, f"{most // area} tokens ({name})")
    if budget.strip().lower().partition("@")[0] not in runtimes.names():
        raise InputError(
            f"budget: expected {_BUDGET}; got {brief(budget)}. Known runtimes: {', '.join(runtimes.names())}"
        )
    runtime = runtimes.get(budget, family)
    least, most = checkpoint if runtime.from_checkpoint else (runtime.min_pixels, runtime.max_pixels)
    square = f"{runtime.fit} x {runtime.fit} pixels"
    note = f"{runtime.runtime} first fits an image into {square}; this plan has its limits alone"
    description = f"{most // area} tokens ({runtime.runtime} {runtime.versions})"
    return AreaLimits(least, most, description, notes=() if runtime.fit is None else (note,))


def _checkpoint(family: Family, pixels: tuple[int, int] | None) -> tuple[int, int]:
    if pixels is None:
        return family.min_pixels, family.max_pixels
    expected = "(min_pixels, max_pixels), whole numbers of at least 1"
    if not isinstance(pixels, (tuple, list)) or len(pixels) != 2:
        raise InputError(f"checkpoint_pixels: expected {expected}; got {brief(pixels)}")
    least, most = (_whole(value, "checkpoint_pixels", expected) for value in pixels)
    if least > most:
        raise InputError(f"checkpoint_pixels: expected min_pixels not above max_pixels; got ({least}, {most})")
    return least, most


def _whole(value: Any, name: str, expected: str) -> int:
    """Check a caller's whole number: 1 to `MAX_PIXELS`."""
    number = validation.integer(value)
    if number is None or not 1 <= number <= MAX_PIXELS:
        raise InputError(f"{name}: expected {expected}; got {brief(value)}")
    return number


def kinds_of(plans: Iterable[Plan]) -> str:
    """Return "images", "films" or "images and films", as messages name what is planned; one moment is an image."""
    films = [plan.frames > 1 for plan in plans]
    if any(films):
        return "films" if all(films) else "images and films"
    return "images"


def source_size(image_or_size: Any, reading: ImageOptions | None = None) -> tuple[int, int]:
    """Return (width, height) of a size, or of an image from its header.

    Args:
        image_or_size: as in `plan`.
        reading: options for reading an image; None (default) accepts images of any number of pixels.

    Raises:
        InputError: the size is malformed, or `media.image_size` refuses the image.
        FileNotFoundError: the file does not exist.
    """
    if isinstance(image_or_size, (tuple, list)):
        kind, count = type(image_or_size).__name__, len(image_or_size)
        if any(not isinstance(side, Number) for side in image_or_size):
            raise InputError(
                f"image: expected one image, or a size (width, height); got a {kind} of {count}. Give one at a time"
            )
        if count != 2:
            raise InputError(f"size: expected (width, height); got {count} values")
        width, height = (_whole(side, "size", "(width, height) in pixels, at least 1") for side in image_or_size)
        return width, height
    from mlx_saccade import media

    try:
        return (reading or media.ImageOptions(max_pixels=_ANY_PIXELS)).size(image_or_size)
    except FileNotFoundError as error:
        if not isinstance(image_or_size, str):
            raise
        raise FileNotFoundError(f"{error}. Nor is it a size such as 3840x2160, in Python (3840, 2160)") from None


def _decoded_size(image: Any, resized: tuple[int, int]) -> tuple[int, int] | None:
    """Return the size at which a JPEG is decoded before it is resized to `resized`; None if that is its own."""
    if isinstance(image, (tuple, list)):
        raise InputError("reduced_jpeg: expected an image, whose header is read; got a size. Give the image")
    from mlx_saccade import media

    source, decoded = media.image_sizes(image, at_least=resized, max_pixels=_ANY_PIXELS)
    return None if decoded == source else decoded
