"""Budgets by level: one image's, the request's, mlx-vlm's own arguments, and those of `enable`; the first one wins.

mlx-vlm's server turns the parts of a message into plain URLs before any hook sees them, so a part's limits travel in
its URL (`mark`), and `unmark` takes them out again where the image is opened.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import limits
from mlx_saccade.preprocess.limits import NO_LIMITS, PixelLimits

__all__ = [
    "ARGUMENTS", "PART_OPTIONS", "arguments_limits", "mark", "part_options", "request_levels", "request_limits",
    "split_arguments", "unmark",
]  # fmt: skip

ARGUMENTS = ("budget", "min_pixels", "max_pixels", "resized_height", "resized_width")
"""Limits among the arguments of mlx-vlm's functions; all but `budget` are mlx-vlm's own."""

PART_OPTIONS = limits.NAMES
"""Limits that one image of a message may have."""

_levels: ContextVar[tuple[PixelLimits, ...]] = ContextVar("mlx_saccade_request_limits", default=())

_PARAMETER = re.compile(r";saccade=([A-Za-z0-9_-]+=*)")
_FRAGMENT = re.compile(r"#saccade=([A-Za-z0-9_-]+=*)\Z")


def request_levels() -> tuple[PixelLimits, ...]:
    """Return the limits of the requests around this call, the most specific first."""
    return _levels.get()


@contextmanager
def request_limits(level: PixelLimits) -> Iterator[None]:
    """Apply limits to each image prepared in the block; those of a block around it win, as its caller said more."""
    token = _levels.set((*_levels.get(), level))
    try:
        yield
    finally:
        _levels.reset(token)


def split_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Take the limits out of the arguments of one of mlx-vlm's functions, and return them; None means not given."""
    limit_values = {name: arguments.pop(name) for name in ARGUMENTS if name in arguments}
    return {name: value for name, value in limit_values.items() if value is not None}


def arguments_limits(arguments: Mapping[str, Any]) -> PixelLimits:
    """Return the limits among the arguments of a call, as mlx-vlm means them.

    Args:
        arguments: values of `ARGUMENTS`; others are unknown.

    Raises:
        InputError: a value is malformed, or two contradict each other.
    """
    if not arguments:
        return NO_LIMITS
    unknown = sorted(set(arguments) - set(ARGUMENTS))
    if unknown:
        raise InputError(f"arguments: expected some of {', '.join(ARGUMENTS)}; got {', '.join(unknown)}. Leave it out")
    return limits.read(arguments, "arguments")


def part_options(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits of one image of a message, from the part itself and from its `image_url`.

    Raises:
        InputError: both have the same option.
    """
    options = {name: part[name] for name in PART_OPTIONS if part.get(name) is not None}
    inner = part.get("image_url")
    if isinstance(inner, Mapping):
        for name in PART_OPTIONS:
            if inner.get(name) is not None:
                if name in options:
                    raise InputError(f"image: {name} stands in the part and in its image_url; give it once")
                options[name] = inner[name]
    return options


def mark(url: str, options: Mapping[str, Any]) -> str:
    """Return a URL or path that carries an image's limits."""
    if not options:
        return url
    text = base64.urlsafe_b64encode(json.dumps(dict(options), sort_keys=True).encode()).decode()
    if url[:5].lower() == "data:":
        head, comma, data = url.partition(",")
        kind, semicolon, rest = head.partition(";")
        return f"{kind};saccade={text}{semicolon}{rest}{comma}{data}"
    return f"{url}#saccade={text}"


def unmark(url: str) -> tuple[str, dict[str, Any]]:
    """Return a URL or path without the limits that it carries, and the limits."""
    if url[:5].lower() == "data:":
        head, comma, data = url.partition(",")
        match = _PARAMETER.search(head)
        plain = url if match is None else f"{head[: match.start()]}{head[match.end() :]}{comma}{data}"
    else:
        match = _FRAGMENT.search(url)
        plain = url if match is None else url[: match.start()]
    if match is None:
        return url, {}
    try:
        options = json.loads(base64.urlsafe_b64decode(match[1]))
    except (binascii.Error, ValueError):
        return url, {}
    return (plain, options) if isinstance(options, dict) else (url, {})
