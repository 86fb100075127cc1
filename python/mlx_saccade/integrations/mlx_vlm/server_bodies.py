"""The bodies of requests to mlx-vlm's server and of its answers, in OpenAI's and Anthropic's forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mlx_saccade.engine.answer import FrameInfo
from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm import budgets, locating, prepared
from mlx_saccade.preprocess import limits
from mlx_saccade.preprocess.limits import NO_LIMITS, PixelLimits

__all__ = ["answer_text", "delta_text", "description", "frames_header", "take_limits"]

_IMAGES = ("image_url", "input_image", "image")
# Part of OpenAI's own form, which mlx-vlm checks itself.
_OPENAI = "detail"


def take_limits(body: dict[str, Any]) -> tuple[PixelLimits, dict[str, Any]]:
    """Move the limits of a request's images into their URLs, and take out the request's own budget.

    Args:
        body: the request; it is changed in place.

    Returns:
        The limits of all its images by our name, and those by mlx-vlm's own names, `min_pixels` and `max_pixels`.

    Raises:
        InputError: a limit is malformed, or two contradict each other.
    """
    for number, part in enumerate(_image_parts(body), start=1):
        options = budgets.part_options(part)
        limits.read(options, f"image {number}")
        _mark(part, options)
    budget = body.pop("budget", None)
    own = {name: body[name] for name in ("min_pixels", "max_pixels") if body.get(name) is not None}
    if budget is None:
        return NO_LIMITS, own
    return limits.read({"budget": budget, **own}, "request"), {}


def _image_parts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the parts of a request that are images, in order."""
    if isinstance(value, dict):
        if value.get("type") in _IMAGES and ("image_url" in value or "source" in value):
            yield value
            return
        for one in value.values():
            yield from _image_parts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _image_parts(one)


def _mark(part: dict[str, Any], options: dict[str, Any]) -> None:
    """Write the limits of an image into its URL, and take them out of the part."""
    inner, source = part.get("image_url"), part.get("source")
    for holder in (part, inner):
        if isinstance(holder, dict):
            for name in options:
                if name != _OPENAI:
                    holder.pop(name, None)
    if isinstance(inner, str):
        part["image_url"] = budgets.mark(inner, options)
    elif isinstance(inner, dict) and isinstance(inner.get("url"), str):
        inner["url"] = budgets.mark(inner["url"], options)
    elif isinstance(source, dict) and isinstance(source.get("url"), str):
        source["url"] = budgets.mark(source["url"], options)
    elif isinstance(source, dict) and source.get("type") == "base64":
        # mlx-vlm makes a data URI of it: "data:{media_type};base64,{data}".
        url = budgets.mark(f"data:{source.get('media_type') or 'image/png'};base64,", options)
        source["media_type"] = url.removeprefix("data:").removesuffix(";base64,")


def answer_text(body: dict[str, Any]) -> str:
    """Return the text of a whole answer: a chat completion, a response or a message."""
    choices = body.get("choices")
    if isinstance(choices, list):
        message = choices[0].get("message") if choices and isinstance(choices[0], dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        return content if isinstance(content, str) else ""
    return "".join(_texts(body.get("output", body.get("content"))))


def _texts(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else []:
        if isinstance(one, dict):
            if isinstance(one.get("text"), str):
                yield one["text"]
            yield from _texts(one.get("content"))


def delta_text(event: dict[str, Any]) -> str:
    """Return the text that an event of a streamed answer adds: of a chat completion, a response or a message."""
    if event.get("type") == "response.output_text.delta":
        content = event.get("delta")
    elif event.get("type") == "content_block_delta":
        delta = event.get("delta")
        content = delta.get("text") if isinstance(delta, dict) else None
    else:
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        delta = choice.get("delta") if isinstance(choice, dict) else None
        content = delta.get("content") if isinstance(delta, dict) else None
    return content if isinstance(content, str) else ""


def end_of_stream(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return the part of the last event of a streamed response or message that takes the field `saccade`, or None."""
    if event.get("type") in ("response.completed", "response.incomplete"):
        response = event.get("response")
        return response if isinstance(response, dict) else None
    return event if event.get("type") == "message_stop" else None


def description(text: str, images: tuple[prepared.PreparedImage, ...]) -> dict[str, Any]:
    """Return the field `saccade` of an answer: the frames, and what the text means in source pixels."""
    frames = [_plain(frame) for frame in prepared.frames_of(images)]
    try:
        grounded = locating.read_of(text, images).as_dict()
    except InputError:  # several images of different sizes: it is not known which one is meant
        return {"frames": frames}
    return {"frames": frames, **grounded}


def frames_header(images: tuple[prepared.PreparedImage, ...]) -> bytes:
    """Return the frames as one line of JSON, without what is in words."""
    names = ("source_size", "processed_size", "tokens", "scale")
    frames = [{name: getattr(frame, name) for name in names} for frame in prepared.frames_of(images)]
    return json.dumps(frames, separators=(",", ":")).encode()


def _plain(frame: FrameInfo) -> dict[str, Any]:
    names = ("source_size", "processed_size", "grid_thw", "scale", "convention", "tokens", "budget", "notes")
    values = {name: getattr(frame, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
