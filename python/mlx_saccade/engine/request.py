"""What is asked, in one form: messages with places for images and videos, and these in their order.

The messages are Qwen's: {"role": "user", "content": "text" or [part, ...]}, a part being one of
    {"type": "text", "text": "..."}
    {"type": "image", "image": what `mlx_saccade.media.open_image` takes, ...}
    {"type": "video", "video": frames, "fps": 2.0, ...}
with the options of `mlx_saccade.preprocess.limits` beside an image or a video. Nothing is reordered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlx_saccade import media
from mlx_saccade.checkpoint.tokenizer import Message
from mlx_saccade.errors import InputError, brief
from mlx_saccade.preprocess import limits as options
from mlx_saccade.preprocess.limits import PixelLimits
from mlx_saccade.preprocess.plan import source_size

__all__ = ["Medium", "Request", "conversation", "locate", "medium", "place", "question", "several"]

ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True)
class Medium:
    """An image or a video of a request.

    Attributes:
        kind: which of them.
        source: what `mlx_saccade.media.open_image` takes, or a `mlx_saccade.media.Video`; of what is only planned,
        also a
            size (width, height).
        limits: its own.
    """

    kind: Literal["image", "video"]
    source: Any
    limits: PixelLimits = options.NO_LIMITS

    def size(self, reading: media.ImageOptions) -> tuple[int, int]:
        """(width, height) of the upright image, or of each frame; of files, only headers are read."""
        return self.source.size if isinstance(self.source, media.Video) else source_size(self.source, reading)

    @property
    def fps(self) -> float | None:
        """Frames a second of a video."""
        return self.source.fps if isinstance(self.source, media.Video) else None


@dataclass(frozen=True)
class Request:
    """Messages as a chat template takes them, sources and options left out, and the media that stand in them."""

    messages: tuple[Message, ...]
    media: tuple[Medium, ...]


def conversation(messages: Any) -> Request:
    """Read a conversation.

    Raises:
        InputError: messages of another form; the message names what is unknown or missing.
        FileNotFoundError: a frame's file is missing.
    """
    if not isinstance(messages, list | tuple) or not messages:
        raise InputError(f"messages: a list of at least one message is expected; got {brief(messages)}")
    media_found: list[Medium] = []
    kept = tuple(_message(message, number, media_found) for number, message in enumerate(messages))
    return Request(kept, tuple(media_found))


def question(images: Any, text: str, system: str | None = None) -> Request:
    """One user's turn: the images, then the text.

    Args:
        images: one image or `mlx_saccade.media.Video`, or a list of them; of each, also a part of a message, for its
        own
            options.
        text: not empty.
        system: a system message before it.

    Raises:
        InputError: an empty text, or parts as in `conversation`.
    """
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"text is {brief(text)}; ask something")
    content = [_shown(image) for image in several(images)]
    messages: list[Any] = [{"role": "user", "content": [*content, {"type": "text", "text": text}]}]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    return conversation(messages)


def locate(description: str) -> str:
    """The words in which Qwen-VL models are asked for boxes."""
    return f"Locate {description}, output its bbox coordinates using JSON format."


def place(image: Any, description: str, *, image_first: bool = True) -> Request:
    """Where on one image, or part of a message, is what a description names.

    Raises:
        InputError: an empty description, or a part as in `conversation`.
    """
    if not isinstance(description, str) or not description.strip():
        raise InputError(f"description is {brief(description)}; say in words what to find")
    shown, words = {"type": "image", "image": image}, {"type": "text", "text": locate(description.strip())}
    return conversation([{"role": "user", "content": [shown, words] if image_first else [words, shown]}])


def medium(shown: Any) -> Medium:
    """One image or video, or such a part of a message.

    Raises:
        InputError: a part as in `conversation`, or one of text.
    """
    found: list[Medium] = []
    _part(_shown(shown), "image", found)
    if not found:
        raise InputError(f"image: {brief(shown)} is text; give an image or a video")
    return found[0]


def several(images: Any) -> list[Any]:
    """A list of images from one or from a list."""
    return list(images) if isinstance(images, list | tuple) else [images]


def _shown(image: Any) -> Any:
    """A part of a message from an image, a video, or such a part."""
    if isinstance(image, Mapping):
        return image
    kind = "video" if isinstance(image, media.Video) else "image"
    return {"type": kind, kind: image}


def _message(message: Any, number: int, found: list[Medium]) -> Message:
    where = f"message {number}"
    if not isinstance(message, Mapping):
        raise InputError(f"{where}: {brief(message)} is none; write {{'role': ..., 'content': ...}}")
    unknown = [key for key in message if key not in ("role", "content")]
    if unknown:
        raise InputError(f"{where}: unknown key {brief(unknown[0])}; a message has role and content")
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or role not in ROLES:
        raise InputError(f"{where}: role is {brief(role)}; it is one of {', '.join(ROLES)}")
    if isinstance(content, str):
        return {"role": role, "content": content}
    if not isinstance(content, list | tuple):
        raise InputError(f"{where}: content is {brief(content)}; write text or a list of parts with a type")
    return {"role": role, "content": [_part(part, f"{where}, part {n}", found) for n, part in enumerate(content)]}


def _part(part: Any, where: str, found: list[Medium]) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        raise InputError(f"{where}: {brief(part)} is none; write {{'type': 'text', 'text': ...}} or an image")
    kind = part.get("type")
    if kind is None:
        kind = next((name for name in ("text", "image", "video") if name in part), None)
    if not isinstance(kind, str) or kind not in ("text", "image", "video"):
        raise InputError(f"{where}: type is {brief(kind)}; it is text, image or video")
    if kind not in part:
        raise InputError(f"{where}: has no {kind!r}, which its type asks for")
    rest = {key: value for key, value in part.items() if key not in ("type", kind)}
    if kind == "text":
        if rest:
            raise InputError(f"{where}: unknown option {brief(next(iter(rest)))} beside text")
        return {"type": "text", "text": part["text"]}
    found.append(_image(part, rest, where) if kind == "image" else _video(part, rest, where))
    return {"type": kind}


def _image(part: Mapping[str, Any], rest: Mapping[str, Any], where: str) -> Medium:
    if isinstance(part["image"], media.Video):
        raise InputError(f"{where}: its image is a video; write {{'type': 'video', 'video': frames, 'fps': ...}}")
    return Medium("image", part["image"], options.read(rest, where))


def _video(part: Mapping[str, Any], rest: Mapping[str, Any], where: str) -> Medium:
    limits = options.read({key: value for key, value in rest.items() if key != "fps"}, where)
    video = part["video"]
    if not isinstance(video, media.Video):
        try:
            video = media.Video(video, rest.get("fps"))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    elif rest.get("fps") is not None:
        raise InputError(f"{where}: fps is given twice, here and in the video; give it once")
    return Medium("video", video, limits)
