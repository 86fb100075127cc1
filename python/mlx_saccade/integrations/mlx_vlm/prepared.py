"""The images of the latest call as the model reads them: one list for each thread, and one for each server request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from mlx_saccade.engine.answer import FrameInfo
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess.plan import Plan

__all__ = [
    "PreparedImage",
    "ServerRequest",
    "frames",
    "frames_of",
    "latest_images",
    "noting_mistakes",
    "record",
    "record_group",
    "record_none",
    "server_request",
    "serving",
]


@dataclass(frozen=True)
class PreparedImage:
    """One image that the native kernel prepared.

    Attributes:
        plan: its plan, from the source file's size.
        tokens_at_cap: tokens that it would take under the checkpoint's own cap alone.
        notes: what of the file was set aside, in words.
    """

    plan: Plan
    tokens_at_cap: int
    notes: tuple[str, ...] = ()


@dataclass
class ServerRequest:
    """The values that a request of mlx-vlm's server hands from thread to thread.

    Attributes:
        images: the images of its latest preparation.
        patches: results of a preparation that waits to be asked for again: mlx-vlm prepares a streamed request twice,
            once to count its tokens.
        arguments: limits of the request under mlx-vlm's own names, which its versions before 0.7.9 drop.
        mistake: why one of its images cannot be prepared, in words; None if nothing is wrong.
    """

    images: tuple[PreparedImage, ...] = ()
    patches: dict[str, tuple[dict[str, Any], tuple[PreparedImage, ...]]] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    mistake: str | None = None


@dataclass
class _Batch:
    """A batch that mlx-vlm prepares in groups of one size; `order` has the place of each image in the caller's list."""

    order: tuple[int, ...]
    images: tuple[PreparedImage, ...] = ()


_latest: ContextVar[tuple[PreparedImage, ...]] = ContextVar("mlx_saccade_latest_images", default=())
_request: ContextVar[ServerRequest | None] = ContextVar("mlx_saccade_server_request", default=None)
_batch: ContextVar[_Batch | None] = ContextVar("mlx_saccade_batch", default=None)


def record(images: tuple[PreparedImage, ...]) -> None:
    """Record the images of a call, in place of those of the call before; groups of one batch are put together."""
    request, batch = _request.get(), _batch.get()
    if batch is not None:
        batch.images += images
        if len(batch.images) < len(batch.order):
            return
        images = tuple(
            image for _, image in sorted(zip(batch.order, batch.images, strict=False), key=lambda one: one[0])
        )
        _batch.set(None)
    _latest.set(images)
    if request is not None:
        request.images = images


def record_none() -> None:
    """Forget the images of the call before, and a batch that was not finished."""
    _latest.set(())
    _batch.set(None)


def record_group(order: tuple[int, ...]) -> None:
    """Begin a batch whose images are prepared in this order of their places."""
    _batch.set(_Batch(order) if len(order) > 1 else None)


def latest_images() -> tuple[PreparedImage, ...]:
    """Return the images of the latest call in this context, in order."""
    return _latest.get()


def frames() -> tuple[FrameInfo, ...]:
    """Return how the model read each image of the latest mlx-vlm call of this thread, in the order of the images.

    Empty if that call had no image, or if its model is not enabled. A batch without images leaves those of the call
    before.
    """
    return frames_of(latest_images())


def frames_of(images: tuple[PreparedImage, ...]) -> tuple[FrameInfo, ...]:
    """Return the public description of prepared images."""
    return tuple(FrameInfo.of(image.plan, tokens_at_cap=image.tokens_at_cap, notes=image.notes) for image in images)


def server_request() -> ServerRequest | None:
    """Return the request of a server that this call belongs to; None elsewhere."""
    return _request.get()


@contextmanager
def noting_mistakes() -> Iterator[None]:
    """Note the mistakes of a request that the block meets: mlx-vlm's server answers 500 to every exception."""
    try:
        yield
    except (InputError, OSError) as error:
        request = _request.get()
        if request is not None:
            request.mistake = str(error)
        raise


@contextmanager
def serving(request: ServerRequest) -> Iterator[None]:
    """Gather what belongs to one request of a server, also from the threads that it starts with this context."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)
