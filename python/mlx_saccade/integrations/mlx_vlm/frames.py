"""The images of the latest call as the model reads them, one list for each thread and each request of a server."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from mlx_saccade.engine.answer import FrameInfo
from mlx_saccade.preprocess.plan import Plan

__all__ = ["PreparedImage", "frames", "prepared", "record"]


@dataclass(frozen=True)
class PreparedImage:
    """One image that the native kernel prepared.

    Attributes:
        plan: its plan.
        key: a digest that differs for images whose patches or grid differ.
        notes: what of the file was set aside, in words.
    """

    plan: Plan
    key: bytes
    notes: tuple[str, ...] = ()


_latest: ContextVar[tuple[PreparedImage, ...]] = ContextVar("mlx_saccade_latest_images", default=())


def record(images: tuple[PreparedImage, ...]) -> None:
    """Record the images of a call, in place of those of the call before."""
    _latest.set(images)


def prepared() -> tuple[PreparedImage, ...]:
    """Return the images of the latest call in this context, in order."""
    return _latest.get()


def frames() -> tuple[FrameInfo, ...]:
    """Return the form in which the model read each image of the latest call of this thread, in order."""
    return tuple(FrameInfo.of(image.plan, notes=image.notes) for image in prepared())
