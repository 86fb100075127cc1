"""Limits on the size of an image, in every spelling in use, and the rule which of several applies.

    upper limit   budget | max_tokens | max_pixels | size.longest_edge | detail
    lower limit   min_tokens | min_pixels | size.shortest_edge
    exact size    resized_height with resized_width, rounded to whole tokens
    whole video   total | total_pixels, beside the others, which are those of each frame

Tokens are visual tokens of one image, or of each frame of a video. `size` is transformers' spelling; its edges are
numbers of pixels in spite of their names. `resized_*` are Qwen's. `detail` is OpenAI's: "low" is 256 tokens, "high" is
4,096, the best measured budget for small targets, and "auto" sets no limit. `total` is a maximum of tokens, always
kept. Qwen's total_pixels is by the rule of qwen-vl-utils, which keeps 128 tokens a frame before it keeps the total.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlx_saccade import validation
from mlx_saccade.errors import InputError, brief, quantity
from mlx_saccade.families import Family
from mlx_saccade.preprocess.plan import Plan, limits, smart_resize, within
from mlx_saccade.preprocess.video_size import smart_resize_video

__all__ = ["NAMES", "NO_LIMITS", "Budget", "PixelLimits", "choose", "read"]

Budget = int | str | Mapping[str, Any] | None
"""A budget as `mlx_saccade.plan` takes it, or a mapping of the options above; None leaves it to the next level."""

_UPPER = ("budget", "max_tokens", "max_pixels", "detail")
_LOWER = ("min_tokens", "min_pixels")
_EXACT = ("resized_height", "resized_width")
_SIZE = {
    "longest_edge": "max_pixels",
    "shortest_edge": "min_pixels",
    "max_pixels": "max_pixels",
    "min_pixels": "min_pixels",
}
_TOTAL = ("total", "total_pixels")
NAMES = (*_UPPER, *_LOWER, *_EXACT, *_TOTAL, "size")
_DETAILS: dict[str, int | None] = {"low": 256, "high": 4096, "auto": None}
# Limits of a frame in qwen-vl-utils 0.0.14, in tokens, and the factor by which its upper limit is above the lower.
_QWEN_FRAME, _QWEN_SLACK = (128, 768), 1.05
# More pixels than any image has; times the pixels of a token it is still far from the core's own limit.
_MOST = 10**12


@dataclass(frozen=True)
class PixelLimits:
    """The limits of one level: the engine's default, a request, or one image of a request.

    Attributes:
        upper: upper limit, as a budget of `mlx_saccade.plan`.
        min_tokens: lower limit in tokens.
        min_pixels: lower limit in pixels; at most one of the two is set.
        exact: exact size (width, height) in pixels.
        total: maximum tokens of all frames of a video.
        total_pixels: the same in Qwen's spelling, in pixels of all pairs of frames; at most one of the two is set.
    """

    upper: int | str | None = None
    min_tokens: int | None = None
    min_pixels: int | None = None
    exact: tuple[int, int] | None = None
    total: int | None = None
    total_pixels: int | None = None

    @property
    def has_total(self) -> bool:
        """Return True if there is a limit on a whole video."""
        return self.total is not None or self.total_pixels is not None

    @property
    def has_lower(self) -> bool:
        """Return True if there is a lower limit."""
        return self.min_tokens is not None or self.min_pixels is not None

    def over(self, other: PixelLimits) -> PixelLimits:
        """Return these limits, with those of a less specific level where these have none."""
        if self.exact is not None or other == NO_LIMITS:
            return self
        upper = self.upper if self.upper is not None else other.upper
        lower = self if self.has_lower else other
        exact = other.exact if self == NO_LIMITS else None
        total = self if self.has_total else other
        return PixelLimits(upper, lower.min_tokens, lower.min_pixels, exact, total.total, total.total_pixels)


NO_LIMITS = PixelLimits()


def read(budget: Budget | PixelLimits, where: str, *, also: Sequence[str] = ()) -> PixelLimits:
    """Read and check the limits of one level.

    Args:
        budget: a budget, a mapping of options, or None; limits that were read before are returned as they are.
        where: owner of the limits, for messages, such as "image 1".
        also: other options that may stand beside these, for messages.

    Raises:
        InputError: an option is unknown or not a whole number, or two contradict each other; the message names them.
    """
    if budget is None:
        return NO_LIMITS
    if isinstance(budget, PixelLimits):
        return budget
    if not isinstance(budget, Mapping):
        return PixelLimits(upper=_budget(budget, where))
    options = _flat(budget, where)
    unknown = [name for name in options if name not in NAMES]
    if unknown:
        raise InputError(f"{where}: unknown option {brief(unknown[0])}. Known: {', '.join((*NAMES, *also))}")
    for group in (_UPPER, _LOWER, _TOTAL):
        both = [name for name in group if name in options]
        if len(both) > 1:
            raise InputError(f"{where}: {both[0]} and {both[1]} limit the same; give one of them")
    exact = _exact(options, where)
    if exact is not None and len(options) > 2:
        other = next(name for name in options if name not in _EXACT)
        raise InputError(f"{where}: {other} limits what resized_height and resized_width fix; give one or the other")
    numbers = {name: _whole(options[name], name, where) for name in (*_LOWER, *_TOTAL) if name in options}
    return PixelLimits(_upper(options, where), exact=exact, **numbers)


def choose(
    source_size: tuple[int, int],
    family: Family,
    levels: Sequence[PixelLimits],
    checkpoint_pixels: tuple[int, int] | None,
    *,
    frames: int | None = None,
) -> Plan:
    """Return the plan of an image, or of each frame of a video, under several levels of limits.

    The upper and the lower limit each come from the first level that has one. A lower limit above the upper limit of an
    earlier level gives way. An exact size applies unless an earlier level has limits. Without any limit the default of
    `mlx_saccade.plan` applies; for a video, `Family.video` of the checkpoint's family. Other limits are those of each
    frame; the first level with a limit on the whole video lowers that of a frame to its share.

    Args:
        source_size: (width, height) in pixels.
        family: family of the checkpoint.
        levels: limits by level, the most specific first.
        checkpoint_pixels: (min_pixels, max_pixels) of the checkpoint; None if it has none.
        frames: number of frames that the model is shown of a video; None (default) is an image.

    Returns:
        The plan; of a video, with as many frames as its grid has.

    Raises:
        InputError: the limits contradict each other or cannot be kept.
    """
    plan = _choose(source_size, family, levels, checkpoint_pixels, frames)
    return plan if frames is None else replace(plan, frames=-(-frames // family.temporal_patch_size))


def _choose(
    source_size: tuple[int, int],
    family: Family,
    levels: Sequence[PixelLimits],
    checkpoint_pixels: tuple[int, int] | None,
    frames: int | None,
) -> Plan:
    """Return the plan of an image, or of one frame of a video; arguments and errors as `choose`."""
    area = family.factor**2
    top = _first(levels, lambda level: level.upper is not None)
    bottom = _first(levels, lambda level: level.has_lower)
    fixed = _first(levels, lambda level: level.exact is not None)
    if family.budgets:
        _check_budget_alone(family, lower=bottom is not None, exact=fixed is not None, film=frames is not None)
    if fixed is not None and all(place is None or fixed < place for place in (top, bottom)):
        return _exactly(source_size, family, levels[fixed].exact or source_size)
    tokens = None if bottom is None else levels[bottom].min_tokens
    pixels = None if bottom is None else levels[bottom].min_pixels
    whole = _first(levels, lambda level: level.has_total)
    if whole is not None and frames is not None:
        upper = None if top is None else limits(family, levels[top].upper, None, checkpoint_pixels, floor=1).most
        least = tokens * area if tokens is not None else pixels
        # A lower limit from a less specific level may not refuse the total.
        floor = None if bottom is not None and bottom > whole else least
        return _of_total(source_size, family, levels[whole], frames, upper, floor)
    if top is None and frames is not None:
        return _frame(source_size, family, frames, tokens * area if tokens is not None else pixels)
    if bottom is not None and top is not None and bottom > top:
        lower = None  # from a less specific level, which may not refuse the budget
    else:
        lower = tokens if pixels is None else max(1, pixels // area)
    floor = None if frames is None else _frame_floor(family, frames)
    bounds = limits(family, None if top is None else levels[top].upper, lower, checkpoint_pixels, floor=floor)
    least, yields, notes = bounds.least, bounds.yields, bounds.notes
    lower_pixels = tokens * area if tokens is not None else pixels
    if lower_pixels is not None:
        if lower_pixels > bounds.most and lower is not None:
            raise InputError(
                f"a lower limit of {lower_pixels} pixels is above the budget, {bounds.budget}; lower it or raise the "
                "budget"
            )
        least, yields, notes = min(lower_pixels, bounds.most), lower is None, ()
    budget = bounds.budget if frames is None else f"{bounds.budget} a frame"
    return within(source_size, family, least, bounds.most, budget, yields=yields, notes=notes)


def _check_budget_alone(family: Family, *, lower: bool, exact: bool, film: bool) -> None:
    """Refuse what a family with budgets of its own does not take."""
    known = ", ".join(map(str, family.budgets))
    if film:
        raise InputError(
            f"video: expected an image for {family.name}, whose frames are images of their own; got a video. Give its "
            f"frames as images, with a budget of {known} tokens each"
        )
    if lower or exact:
        got = "a lower limit" if lower else "an exact size"
        raise InputError(
            f"budget: expected {known} tokens and no other limit for {family.name}; got {got}. Leave it out"
        )


def _frame_floor(family: Family, frames: int) -> int:
    """Return the lower limit in pixels of a video's frame under a budget: an image's, or a share of the film's."""
    rule = family.video
    return -(-rule.min_pixels // max(frames, family.temporal_patch_size)) if rule.whole else family.min_pixels


def _frame(source_size: tuple[int, int], family: Family, frames: int, lower: int | None) -> Plan:
    """Plan each frame of a video within the limits of its family, raised to a lower limit in pixels on each."""
    rule, (width, height) = family.video, source_size
    if rule.whole:
        frames = max(frames, family.temporal_patch_size)  # a single frame is repeated
    least, most = rule.min_pixels, rule.max_pixels
    if lower is not None:
        least = lower * frames if rule.whole else lower
    if least > most:
        raise InputError(
            f"a lower limit of {lower} pixels is above the default of a frame, {most // frames if rule.whole else most}"
            "; give a budget"
        )
    high, wide = smart_resize_video(
        frames, height, width, family=family, min_pixels=least, max_pixels=most, cap_per_frame=rule.cap_per_frame
    )
    tokens = most // family.factor**2
    if rule.whole:  # all frames of a patch share their tokens
        each = f"{tokens // family.temporal_patch_size} tokens for {frames} frames"
    else:
        each = f"{tokens} tokens a frame"
    return Plan(family, source_size, (wide, high), least, most, f"{each} (default)")


def _of_total(
    source_size: tuple[int, int],
    family: Family,
    level: PixelLimits,
    frames: int,
    upper: int | None,
    lower: int | None,
) -> Plan:
    """Plan each frame of a video under a limit on all of them.

    Args:
        source_size: of a frame.
        family: as in `choose`.
        level: has the limit.
        frames: number of frames.
        upper: further limit on a frame in pixels; None if there is none.
        lower: lower limit on a frame in pixels; None is the default, which gives way to the limit on all.
    """
    if level.total is None:
        return _of_total_pixels(source_size, family, level, frames, upper, lower)
    area, rule, total = family.factor**2, family.video, level.total
    steps, each = -(-frames // family.temporal_patch_size), frames if rule.whole else 1
    budget = f"{quantity(total, 'token')} for {quantity(frames, 'frame')}"
    if total < steps:
        raise InputError(
            f"a total of {budget} is less than a token for each {family.temporal_patch_size} frames; take fewer "
            f"frames, or raise the total to at least {steps}"
        )
    most = min(total * area // steps, rule.max_pixels // each if upper is None else upper)
    if lower is not None and lower > most:
        raise InputError(f"a lower limit of {lower} pixels is above {budget}, {most} pixels a frame; lower it")
    least = min(-(-rule.min_pixels // each) if lower is None else lower, most)
    return within(source_size, family, least, most, budget, yields=lower is None)


def _of_total_pixels(
    source_size: tuple[int, int],
    family: Family,
    level: PixelLimits,
    frames: int,
    upper: int | None,
    lower: int | None,
) -> Plan:
    """Plan each frame as qwen-vl-utils 0.0.14 does (`fetch_video`); arguments as `_of_total`."""
    assert level.total_pixels is not None
    area, length, (width, height) = family.factor**2, family.temporal_patch_size, source_size
    shown = -(-frames // length) * length
    least = _QWEN_FRAME[0] * area if lower is None else lower
    share = max(min(_QWEN_FRAME[1] * area, level.total_pixels / shown * length), int(least * _QWEN_SLACK))
    most = int(share) if upper is None else min(upper, int(share))
    if least > most:
        raise InputError(
            f"total_pixels: expected a lower limit of at most {most} pixels a frame; got {least}. Lower min_pixels or "
            "raise the budget"
        )
    high, wide = smart_resize(height, width, family.factor, least, most)
    return Plan(family, source_size, (wide, high), least, most, f"{level.total_pixels} pixels for {frames} frames")


def _exactly(source_size: tuple[int, int], family: Family, size: tuple[int, int]) -> Plan:
    """Round an exact size to whole tokens within the family's limits, as Qwen's tools do for any source size."""
    width, height = size
    high, wide = smart_resize(height, width, family.factor, family.min_pixels, family.max_pixels)
    return Plan(family, source_size, (wide, high), wide * high, wide * high, f"{width}x{height} pixels, exact size")


def _flat(budget: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the options that are not None, with those of `size` among them."""
    options = {name: value for name, value in budget.items() if value is not None}
    size = options.pop("size", None)
    if size is None:
        return options
    if not isinstance(size, Mapping) or not size:
        raise InputError(
            f"{where}: size: expected {{'shortest_edge': ..., 'longest_edge': ...}} in pixels; got {brief(size)}"
        )
    for name, value in size.items():
        if name not in _SIZE:
            raise InputError(f"{where}: size has the unknown option {brief(name)}. Known: {', '.join(_SIZE)}")
        if _SIZE[name] in options:
            raise InputError(f"{where}: size.{name} and {_SIZE[name]} limit the same; give one of them")
        options[_SIZE[name]] = value
    return options


def _upper(options: Mapping[str, Any], where: str) -> int | str | None:
    if "budget" in options:
        return _budget(options["budget"], where)
    if "max_tokens" in options:
        return _whole(options["max_tokens"], "max_tokens", where)
    if "max_pixels" in options:
        return f"{_whole(options['max_pixels'], 'max_pixels', where)}px"
    if "detail" in options:
        detail = options["detail"]
        if not isinstance(detail, str) or detail not in _DETAILS:
            raise InputError(f"{where}: detail: expected one of {', '.join(_DETAILS)}; got {brief(detail)}")
        return _DETAILS[detail]
    return None


def _budget(value: Any, where: str) -> int | str:
    """Check the type of a budget; `mlx_saccade.plan` checks the text."""
    if isinstance(value, str):
        return value
    return _whole(value, "budget", where)


def _exact(options: Mapping[str, Any], where: str) -> tuple[int, int] | None:
    names = [name for name in _EXACT if name in options]
    if not names:
        return None
    if len(names) == 1:
        missing = next(name for name in _EXACT if name not in options)
        raise InputError(f"{where}: {names[0]} without {missing}. Give both")
    high, wide = (_whole(options[name], name, where) for name in _EXACT)
    return wide, high


def _first(levels: Sequence[PixelLimits], has: Any) -> int | None:
    return next((place for place, level in enumerate(levels) if has(level)), None)


def _whole(value: Any, name: str, where: str) -> int:
    # "budget: budget" would name it twice.
    label = where if where.partition(" ")[0] == name else f"{where}: {name}"
    return validation.at_least(1, value, label, most=_MOST)
