"""Arguments of the tools that servers offer: a JSON Schema for the client, and a check of what it sends.

Types are checked here, as JSON has others than Python; the engine checks ranges and names, with its own messages.
None is the same as a missing argument, and a whole number may be written as 64.0.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlx_saccade.errors import InputError, brief

__all__ = ["ASK", "LOCATE", "PLAN", "Arguments"]

# From here on, not every whole number is a float.
_EXACT = 2.0**53

Reader = Callable[[Any, str], Any]
"""Called with a value that is not None and the argument's name; returns what the engine takes, or raises InputError."""


@dataclass(frozen=True)
class Arguments:
    """The arguments of one tool.

    Attributes:
        properties: JSON Schema of each argument, by name.
        readers: check of each argument, by name.
        required: names without which there is nothing to do.
    """

    properties: dict[str, dict[str, Any]]
    readers: dict[str, Reader]
    required: tuple[str, ...]

    @classmethod
    def of(cls, required: tuple[str, ...], **arguments: tuple[Reader, dict[str, Any]]) -> Arguments:
        """Return the arguments of a tool from a reader and a schema of each."""
        readers = {name: reader for name, (reader, _) in arguments.items()}
        return cls({name: schema for name, (_, schema) in arguments.items()}, readers, required)

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of all arguments as one object."""
        return {
            "type": "object",
            "properties": self.properties,
            "required": list(self.required),
            "additionalProperties": False,
        }

    def read(self, values: Any) -> dict[str, Any]:
        """Return checked values by name, without those that are None.

        Raises:
            InputError: not an object, an unknown or missing argument, or a value of another type.
        """
        if not isinstance(values, Mapping):
            raise InputError(f"arguments: expected an object; got {brief(values)}. Known: {', '.join(self.readers)}")
        for name in values:
            if name not in self.readers:
                raise self._unknown(name)
        present = {name: value for name, value in values.items() if value is not None}
        for name in self.required:
            if name not in present:
                text = self.properties[name]["description"]
                raise InputError(f"{name}: expected a value; got none. Give {text[0].lower()}{text[1:].rstrip('.')}")
        return {name: self.readers[name](value, name) for name, value in present.items()}

    def _unknown(self, name: Any) -> InputError:
        nearest = difflib.get_close_matches(str(name), self.readers, 1)
        advice = f"Did you mean {nearest[0]!r}? " if nearest else ""
        return InputError(f"{brief(name)}: expected a known argument. {advice}Known: {', '.join(self.readers)}")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{name}: expected a text; got {brief(value)}")
    return value


def _texts(value: Any, name: str) -> list[str]:
    """Return a text, or each of a list of texts."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts:
        raise InputError(f"{name}: expected a text or a list of texts; got {brief(value)}")
    return [_text(text, name) for text in texts]


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{name}: expected true or false; got {brief(value)}")
    return value


def _number(value: Any, name: str) -> Any:
    """Return a whole number as an int, also if it is written as 64.0, and any other value as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value


def _numbers(value: Any, name: str) -> Any:
    return [_number(one, name) for one in value] if isinstance(value, list | tuple) else value


def _pair(value: Any, name: str) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InputError(f"{name}: expected [width, height] in pixels; got {brief(value)}")
    return _numbers(value, name)


def _number_or_pair(value: Any, name: str) -> Any:
    return _numbers(value, name) if isinstance(value, list | tuple) else _number(value, name)


def _list_of(schema: dict[str, Any], count: int) -> dict[str, Any]:
    return {"type": "array", "items": schema, "minItems": count, "maxItems": count}


_WHOLE, _REAL, _STRING = {"type": "integer"}, {"type": "number"}, {"type": "string"}
_ONE_IMAGE = (
    "Path of an image file on the server's machine, a data URL, base64 of a PNG, JPEG, GIF, TIFF or WebP file, or an "
    "http(s) URL where the server allows it"
)

_IMAGE = (_text, {**_STRING, "description": f"{_ONE_IMAGE}."})
_IMAGES = (
    _texts,
    {"anyOf": [_STRING, {"type": "array", "items": _STRING}], "description": f"{_ONE_IMAGE}; or a list of those."},
)
_DESCRIPTION = (
    _texts,
    {
        "anyOf": [_STRING, {"type": "array", "items": _STRING, "minItems": 1}],
        "description": "What to find, such as 'the red round button', or a list of those.",
    },
)
_QUESTION = (_text, {**_STRING, "description": "A question about the image."})
_SYSTEM = (_text, {**_STRING, "description": "System message; default the chat template's."})
_BUDGET = (
    _number,
    {
        "anyOf": [{**_WHOLE, "minimum": 1}, _STRING],
        "description": "Maximum visual tokens for the image, such as 1280; or '1003520px', 'checkpoint'. More shows "
        "smaller targets and takes longer. Default the server's.",
    },
)
_POLICY = (
    _text,
    {
        **_STRING,
        "description": "How to look: 'flat' (one look), 'auto' (closer only where the first look is not enough), "
        "'zoom' (a second look at the crop around the first box) or 'search' (tiles, for small targets). Default the "
        "server's, or 'auto' where nobody gives a budget.",
    },
)
_MAX_LOOKS = (_number, {**_WHOLE, "minimum": 1, "description": "Maximum looks of the policy for each description."})
_CANDIDATES = (
    _number,
    {
        **_WHOLE,
        "minimum": 1,
        "maximum": 16,
        "description": "Maximum boxes with scores in `candidates`; default 1. Not together with a policy.",
    },
)
_REGION = (
    _numbers,
    {
        **_list_of(_WHOLE, 4),
        "description": "[x, y, width, height] of the part of the image to look in, in its pixels; default all of it. "
        "Places stay in pixels of the whole image.",
    },
)
_ORIGIN = (
    _numbers,
    {
        **_list_of(_REAL, 2),
        "description": "[x, y] of the image's left upper corner on the desktop, in the clicker's units; default 0, 0.",
    },
)
_SCALE = (
    _number_or_pair,
    {
        "anyOf": [{**_REAL, "exclusiveMinimum": 0}, _list_of({**_REAL, "exclusiveMinimum": 0}, 2)],
        "description": "Pixels of the image for one unit of the clicker; default 1, a Retina display has 2. "
        "`screen_click` is `click` / scale + origin.",
    },
)
_RAW_SIZE = (
    _pair,
    {
        **_list_of({**_WHOLE, "minimum": 1}, 2),
        "description": "[width, height] of raw pixels: the image's bytes then are pixels without a header or gaps.",
    },
)
_PIXEL_FORMAT = (
    _text,
    {
        **_STRING,
        "description": "Channels of raw pixels: rgb, bgr, rgba, bgra, rgbx, bgrx or grey; four channels need it.",
    },
)
_MAX_TOKENS = (_number, {**_WHOLE, "minimum": 1, "description": "Maximum tokens of the answer."})
_CONSTRAINED = (
    _flag,
    {"type": "boolean", "description": "Force the model to write one box inside the image, or none; default false."},
)
_SIZE = (
    _pair,
    {
        **_list_of({**_WHOLE, "minimum": 1}, 2),
        "description": "[width, height] in pixels, in place of an image.",
    },
)
_PLAN_IMAGE = (_text, {**_STRING, "description": f"{_ONE_IMAGE}. Only its header is read. Or give a size."})

_CAPTURE = {"region": _REGION, "origin": _ORIGIN, "scale": _SCALE, "raw_size": _RAW_SIZE, "pixel_format": _PIXEL_FORMAT}

LOCATE = Arguments.of(
    ("image", "description"),
    image=_IMAGE,
    description=_DESCRIPTION,
    budget=_BUDGET,
    policy=_POLICY,
    max_looks=_MAX_LOOKS,
    candidates=_CANDIDATES,
    **_CAPTURE,
    constrained=_CONSTRAINED,
    max_tokens=_MAX_TOKENS,
)
ASK = Arguments.of(
    ("question",),
    image=_IMAGES,
    question=_QUESTION,
    budget=_BUDGET,
    system=_SYSTEM,
    **_CAPTURE,
    max_tokens=_MAX_TOKENS,
)
PLAN = Arguments.of((), image=_PLAN_IMAGE, size=_SIZE, budget=_BUDGET)
