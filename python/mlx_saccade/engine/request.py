"""Read a question into one form: messages with places for images and videos, and these in their order.

`mlx_saccade.engine.messages` reads the messages. The options of `mlx_saccade.preprocess.limits` may stand beside an
image or a video. Nothing is reordered.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from mlx_saccade import validation
from mlx_saccade.checkpoint.tokenizer import Message
from mlx_saccade.engine import capture as captures
from mlx_saccade.engine import messages as message_forms
from mlx_saccade.engine.capture import Capture
from mlx_saccade.errors import InputError, brief
from mlx_saccade.families import Family
from mlx_saccade.media import ImageOptions, LazyImage, Video, VideoFile, is_film
from mlx_saccade.media.image import check_format, lacks_format
from mlx_saccade.media.region import check_inside
from mlx_saccade.preprocess import limits as pixel_limits
from mlx_saccade.preprocess.limits import PixelLimits
from mlx_saccade.preprocess.plan import source_size

__all__ = [
    "ImageOpener",
    "Medium",
    "Request",
    "conversation",
    "descriptions",
    "locate",
    "medium",
    "place",
    "question",
    "several",
    "with_capture",
]

# Options of a video part -> parameter of `open_video`; the second spelling is that of Qwen's own tools.
_SAMPLING = {
    "fps": "fps",
    "sample_fps": "fps",
    "num_frames": "num_frames",
    "nframes": "num_frames",
    "min_frames": "min_frames",
    "max_frames": "max_frames",
    "start": "start",
    "video_start": "start",
    "end": "end",
    "video_end": "end",
}


@dataclass(frozen=True)
class Medium:
    """An image or a video of a request.

    Attributes:
        kind: "image" or "video".
        source: what `mlx_saccade.media.open_image` takes, or a `mlx_saccade.media.Video`. If it is only planned, also
            a size (width, height); before `Request.with_videos` also the file of a film.
        limits: its own.
        capture: its own; the source is always the whole image.
    """

    kind: Literal["image", "video"]
    source: Any
    limits: PixelLimits = pixel_limits.NO_LIMITS
    capture: Capture = captures.WHOLE

    def whole_size(self, options: ImageOptions) -> tuple[int, int]:
        """Return (width, height) of the upright image, or of each frame; of files, only headers are read."""
        return self.source.size if isinstance(self.source, Video) else source_size(self.source, options)

    def size(self, options: ImageOptions) -> tuple[int, int]:
        """Return (width, height) of what the model is shown: the region, if there is one.

        Raises:
            InputError: the region leaves the image.
        """
        whole = self.whole_size(options)
        return whole if self.capture.region is None else check_inside(self.capture.region, whole)[2:]

    @property
    def image(self) -> LazyImage:
        """The opened image, or its region."""
        assert isinstance(self.source, LazyImage)
        return self.source if self.capture.region is None else self.source.crop(self.capture.region)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return notes on what of an opened image or video was set aside."""
        return self.source.notes if isinstance(self.source, LazyImage | Video) else ()

    @property
    def fps(self) -> float | None:
        """Frames a second of a video."""
        return self.source.fps if isinstance(self.source, Video) else None

    def seconds(self, length: int) -> tuple[float, ...]:
        """Return the times of a video's groups of `length` frames, from the film's first frame; none of an image."""
        return tuple(self.source.times(length)) if isinstance(self.source, Video) else ()


@dataclass(frozen=True)
class Request:
    """Messages as a chat template takes them, without sources and options, and the media of these messages."""

    messages: tuple[Message, ...]
    media: tuple[Medium, ...]

    def with_videos(self, family: Family) -> Request:
        """Return this request with its film files opened, for the sampling of a family; frames are not decoded.

        Raises:
            InputError, FileNotFoundError: as `mlx_saccade.media.open_video`.
        """
        if not any(isinstance(medium.source, VideoFile) for medium in self.media):
            return self
        return replace(self, media=tuple(_with_video(medium, family) for medium in self.media))


class ImageOpener:
    """The images of one question, each opened once; equal paths or URLs, and one object given twice, are one image."""

    def __init__(self, options: ImageOptions) -> None:
        """Take the options for every image; nothing is opened yet."""
        self._options = options
        self._images: dict[Any, tuple[Any, LazyImage]] = {}

    def open(self, request: Request) -> Request:
        """Return a request whose images are `mlx_saccade.media.LazyImage`; their files are read here.

        Raises:
            InputError: an image that cannot be read.
            FileNotFoundError: no such file.
        """
        return replace(request, media=tuple(self._open(medium) for medium in request.media))

    def _open(self, medium: Medium) -> Medium:
        source, pixel_format = medium.source, medium.capture.pixel_format
        if isinstance(source, Video | LazyImage):
            return medium
        key = os.fspath(source) if isinstance(source, str | os.PathLike) else id(source), pixel_format
        if key not in self._images:
            options = self._options if pixel_format is None else replace(self._options, pixel_format=pixel_format)
            # With the source, which has to live as long as its id is a key.
            self._images[key] = source, LazyImage(source, options)
        return replace(medium, source=self._images[key][1])


def conversation(messages: Any) -> Request:
    """Read a conversation.

    Raises:
        InputError: messages of another form; the message names what is unknown or missing.
        FileNotFoundError: a frame's file is missing.
    """
    media: list[Medium] = []
    plain = tuple(message_forms.read(messages, lambda part, where: media.append(_medium(part, where))))
    return Request(plain, tuple(media))


def question(images: Any, text: str, system: str | None = None) -> Request:
    """Return the request of one user's turn: the images, then the text.

    Args:
        images: one image or `mlx_saccade.media.Video`, or a list of them. Each may be a part of a message, with its
            own options.
        text: not empty.
        system: a system message before it.

    Raises:
        InputError: an empty text, or parts as in `conversation`.
    """
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"text is {brief(text)}; ask something")
    content = [_media_part(image) for image in several(images)]
    messages: list[Any] = [{"role": "user", "content": [*content, {"type": "text", "text": text}]}]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    return conversation(messages)


def locate(description: str) -> str:
    """Return the prompt with which Qwen-VL models are asked for boxes.

    Raises:
        InputError: an empty description, or one that is not valid Unicode.
    """
    if not isinstance(description, str) or not description.strip():
        raise InputError(f"description is {brief(description)}; say in words what to find")
    validation.check_unicode(description, "description")
    return f"Locate {description.strip()}, output its bbox coordinates using JSON format."


def descriptions(given: Any) -> list[str]:
    """Return a list of descriptions from one or from several.

    Raises:
        InputError: neither a text nor a list with at least one.
    """
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not texts:
        raise InputError(f"description is {brief(given)}; say in words what to find, or give a list of those")
    return list(texts)


def place(image: Any, description: str, *, image_first: bool = True) -> Request:
    """Return the request that locates a description on one image, or part of a message.

    Raises:
        InputError: an empty description, or a part as in `conversation`.
    """
    if image is None:
        raise _no_image()
    part, words = {"type": "image", "image": image}, {"type": "text", "text": locate(description)}
    return conversation([{"role": "user", "content": [part, words] if image_first else [words, part]}])


def with_capture(request: Request, capture: Capture) -> Request:
    """Return a request whose images were captured as its caller says; an image's own values win.

    Raises:
        InputError: a region, origin or scale of a request that has not exactly one image, or a pixel format that
            contradicts every image.
    """
    if capture == captures.WHOLE:
        return request
    images = [medium for medium in request.media if medium.kind == "image"]
    if capture.places and not images and request.media:
        raise InputError(
            f"{capture.places[0]}: expected an image, to whose pixels it belongs; got a film. Leave it out, or give "
            "one frame as an image (--at, media.open_frame)"
        )
    if capture.places and (len(images) != 1 or len(request.media) != 1):
        raise InputError(
            f"{capture.places[0]}: expected a question about exactly one image; got {len(images)} of "
            f"{len(request.media)} media. Put it in the part of its image: {{'type': 'image', 'image': ..., "
            f"'{capture.places[0]}': ...}}"
        )
    if capture.pixel_format is not None and not any(lacks_format(medium.source) for medium in images):
        for medium in images:
            check_format(medium.source, capture.pixel_format)
    media = tuple(
        replace(medium, capture=medium.capture.over(capture)) if medium.kind == "image" else medium
        for medium in request.media
    )
    return replace(request, media=media)


def medium(source: Any) -> Medium:
    """Return one image or video, given as such or as a part of a message.

    Raises:
        InputError: a part as in `conversation`, or one of text.
    """
    media: list[Medium] = []
    message_forms.read_part(_media_part(source), "image", lambda part, where: media.append(_medium(part, where)))
    if not media:
        raise InputError(f"image: {brief(source)} is text; give an image or a video")
    return media[0]


def several(images: Any) -> list[Any]:
    """Return a list of images from one or from a list."""
    return list(images) if isinstance(images, list | tuple) else [images]


def _with_video(medium: Medium, family: Family) -> Medium:
    return replace(medium, source=medium.source.open(family)) if isinstance(medium.source, VideoFile) else medium


def _no_image() -> InputError:
    return InputError("image: expected a path, bytes, a file object, a data URI, a PIL.Image or an array; got None")


def _media_part(image: Any) -> Any:
    """Return a part of a message from an image, a video, or such a part."""
    if isinstance(image, Mapping):
        return image
    if image is None:
        raise _no_image()
    kind = "video" if isinstance(image, Video) or is_film(image) else "image"
    return {"type": kind, kind: image}


def _medium(part: Mapping[str, Any], where: str) -> Medium:
    kind = part["type"]
    rest = {key: value for key, value in part.items() if key not in ("type", kind)}
    return _image(part, rest, where) if kind == "image" else _video(part, rest, where)


def _image(part: Mapping[str, Any], rest: Mapping[str, Any], where: str) -> Medium:
    if isinstance(part["image"], Video):
        raise InputError(f"{where}: its image is a video; write {{'type': 'video', 'video': frames, 'fps': ...}}")
    own = captures.read({name: rest[name] for name in captures.NAMES if name in rest}, where)
    try:
        check_format(part["image"], own.pixel_format)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    others = {key: value for key, value in rest.items() if key not in captures.NAMES}
    limits = pixel_limits.read(others, where, also=captures.NAMES)
    if limits.has_total:
        raise InputError(f"{where}: total: expected a video, all frames of which it limits; got an image. Give budget")
    return Medium("image", part["image"], limits, own)


def _video(part: Mapping[str, Any], rest: Mapping[str, Any], where: str) -> Medium:
    names = (*_SAMPLING, "pixel_format")
    limits = pixel_limits.read({key: value for key, value in rest.items() if key not in names}, where, also=names)
    video, given = part["video"], {name: rest[name] for name in names if rest.get(name) is not None}
    if isinstance(video, Video):
        if given:
            raise InputError(f"{where}: {next(iter(given))} is given twice, here and in the video; give it once")
        return Medium("video", video, limits)
    try:
        if isinstance(video, str | os.PathLike):
            return Medium("video", _video_file(video, given), limits)
        return Medium("video", _video_of_frames(video, given), limits)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _video_file(path: str | os.PathLike[str], given: Mapping[str, Any]) -> VideoFile:
    """Return a film file with the options of a part, in Qwen's spelling or that of `open_video`."""
    options: dict[str, Any] = {}
    for name, value in given.items():
        field = _SAMPLING.get(name)
        if field is None or name == "sample_fps":
            raise InputError(
                f"video: {name}: expected none beside the path of a film; got {brief(value)}. Leave it out"
            )
        if field in options:
            raise InputError(f"video: {field} is given twice, as {name} too; give it once")
        options[field] = value
    return VideoFile(path, **options)


def _video_of_frames(frames: Any, given: Mapping[str, Any]) -> Video:
    fps = [given[name] for name in ("fps", "sample_fps") if name in given]
    other = next((name for name in given if name not in ("fps", "sample_fps", "pixel_format")), None)
    if other is not None:
        raise InputError(f"video: {other}: expected the path of a film beside it; got frames. Choose among the frames")
    if len(fps) == 2:
        raise InputError("video: fps and sample_fps say the same; give one of them")
    options = ImageOptions(pixel_format=given.get("pixel_format"))
    return Video(frames, fps[0] if fps else None, image_options=options)
