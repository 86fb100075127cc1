"""The tool `ground_region`, by GroundingKit's contract 1.0 (screen-overlay-toolkit, docs/ECOSYSTEM_SPEC.md).

    in   {"image_path": "shot.png", "prompt": "the Save button"}
    out  {"regions": [{"label", "x1", "y1", "x2", "y2"}]}, an empty list without a region
         {"error": "..."} if it fails

The contract's callers get source pixels by `value x longest source side / 1280`, at any size. A model's own pixels obey
that only where its resize does not round. So the numbers here are source pixels x 1280 / longest source side, and the
rule is exact. They are not whole numbers in general. For an image whose longest side is below 1280 they are larger than
its pixels: the rule has no exception for it. `source_xyxy` has the source pixels themselves.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlx_saccade import validation
from mlx_saccade.errors import CancelledError, InputError, brief
from mlx_saccade.integrations.tools import Tools, message_of

if TYPE_CHECKING:
    from mlx_saccade.engine import Answer
    from mlx_saccade.engine.sampling import Progress
    from mlx_saccade.grounding import Box
    from mlx_saccade.media import LazyImage

__all__ = ["INPUT_SCHEMA", "SPEC_VERSION", "ground_region", "regions"]

SPEC_VERSION = "1.0"
_LONGEST_SIDE = 1280
# A prompt may ask for many regions.
_MAX_TOKENS = 1024
# Words of a prompt that asks for an answer in a form of its own.
_OWN_FORM = ("bbox", "json", "coordinate")

INPUT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "image_path": {
            "type": "string",
            "description": "Path of an image file inside the server's working directory, absolute or relative to it.",
        },
        "prompt": {
            "type": "string",
            "description": "What to find, such as 'the Save button', or a whole prompt that asks for bbox_2d JSON.",
        },
    },
    "required": ["image_path", "prompt"],
}


class _RefusalError(Exception):
    """A failure with the contract's words."""


def ground_region(
    tools: Tools,
    values: Any,
    *,
    folder: Path,
    cancel: threading.Event | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Find regions of an image.

    A prompt that asks for coordinates, JSON or bbox_2d is passed to the model as it is; any other is a description, as
    `Engine.locate` takes it.

    Args:
        tools: holds the engine.
        values: an object with image_path and prompt.
        folder: working directory; links that lead out of it are refused too.
        cancel: as `Tools.locate`.
        progress: as `Tools.locate`.

    Returns:
        The regions, with "source_size" and "scale" (source pixels for one unit); or {"error": ...}.

    Raises:
        CancelledError: `cancel` was set.
    """
    try:
        path, prompt = _arguments(values)
        with _open(tools, path, folder) as image:
            return regions(
                *_ask(tools, image, path, prompt, {"cancel": cancel, "progress": progress, "max_tokens": _MAX_TOKENS})
            )
    except _RefusalError as error:
        return {"error": str(error)}


def regions(answer: Answer, prompt: str) -> dict[str, Any]:
    """Return an answer's boxes, and those of its actions, in the contract's form; `prompt` labels a box without one."""
    size = answer.frames[0].source_size
    scale = max(size) / _LONGEST_SIDE
    boxes = [*answer.boxes, *(box for action in answer.actions for box in action.boxes)]
    document: dict[str, Any] = {
        "regions": [_region(box, box.label or prompt, scale) for box in boxes],
        "source_size": list(size),
        "scale": scale,
    }
    return document if boxes or answer.hint is None else {**document, "hint": answer.hint}


def _region(box: Box, label: str, scale: float) -> dict[str, Any]:
    numbers = {name: value / scale for name, value in zip(("x1", "y1", "x2", "y2"), box, strict=True)}
    return {"label": label, **numbers, "source_xyxy": list(box)}


def _arguments(values: Any) -> tuple[str, str]:
    known = tuple(INPUT_SCHEMA["properties"])
    if not isinstance(values, dict) or not set(values) <= set(known):
        raise _RefusalError(f"Invalid arguments: expected image_path and prompt; got {brief(values)}")
    for name in known:
        value = values.get(name)
        if value is None:
            raise _RefusalError(f"Invalid arguments: {name} is missing")
        if not isinstance(value, str):
            raise _RefusalError(f"Invalid arguments: {name} is not a string")
        if not value.strip() or "\0" in value:
            raise _RefusalError(f"Invalid arguments: {name} is empty or has a zero byte")
        try:
            validation.check_unicode(value, name)
        except InputError as error:
            raise _RefusalError(f"Invalid arguments: {error}") from None
    return values["image_path"], values["prompt"]


def _open(tools: Tools, path: str, folder: Path) -> LazyImage:
    from mlx_saccade.media import sources

    try:
        inside = _inside(Path(folder, path), path, folder)
        # A name that only looks the same may be a link, and is checked again.
        file = _inside(Path(sources.find_file(str(inside))), path, folder)
        return tools.access.open_file(str(file))
    except FileNotFoundError:
        raise _RefusalError(f"Image not found: {sources.short(path)}") from None
    except (OSError, InputError) as error:
        raise _undecodable(path, error) from None


def _inside(candidate: Path, path: str, folder: Path) -> Path:
    """Return a path without links, or refuse one that is outside the folder."""
    from mlx_saccade.media import sources

    try:
        resolved = candidate.resolve()
    except (OSError, RuntimeError):  # a circle of links
        raise _RefusalError(f"Image not found: {sources.short(path)}") from None
    if not resolved.is_relative_to(folder.resolve()):
        raise _RefusalError(f"Path outside working directory: {sources.short(path)}")
    return resolved


def _undecodable(path: str, error: BaseException) -> _RefusalError:
    from mlx_saccade import media
    from mlx_saccade.media import sources

    formats = ", ".join(media.FORMATS)
    return _RefusalError(
        f"Could not decode image at {sources.short(path)}: supported are {formats} ({message_of(error)})"
    )


def _ask(tools: Tools, image: LazyImage, path: str, prompt: str, options: dict[str, Any]) -> tuple[Answer, str]:
    try:
        engine = tools.engine()
        if any(word in prompt.lower() for word in _OWN_FORM):
            return engine.ask(image, prompt, **options), prompt
        return engine.locate(image, prompt, **options), prompt
    except CancelledError:
        raise
    except Exception as error:
        try:
            image.frame()
        except InputError as broken:
            raise _undecodable(path, broken) from None
        raise _RefusalError(f"ground_region failed: {message_of(error)}") from error
