"""From an image or video to what the language model reads of it: plan, decode, patches, vision.

One at a time, so that memory is the largest one's and what was computed for one is kept for the next request that
shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlx_saccade import cache, media
from mlx_saccade.backend import mx
from mlx_saccade.cache import keys
from mlx_saccade.engine.answer import StageTimer
from mlx_saccade.engine.request import Medium
from mlx_saccade.engine.sampling import Progress
from mlx_saccade.families import Family
from mlx_saccade.media import arrays
from mlx_saccade.models import Model
from mlx_saccade.models.execution import Progress as Told
from mlx_saccade.preprocess import limits, patchify
from mlx_saccade.preprocess.limits import PixelLimits
from mlx_saccade.preprocess.plan import Plan

__all__ = ["EncodedMedia", "MediaEncoder"]


@dataclass(frozen=True)
class EncodedMedia:
    """One image or video as the language model reads it.

    Attributes:
        kind: "image" or "video".
        content: its name (`caches.keys.content`); empty where nothing is kept.
        plan: what it became.
        seconds: from one frame of a video's grid to the next; None where the model does not count them.
        features: gives the tower's output, [tokens, hidden], evaluated; runs the tower only where it has to.
    """

    kind: str
    content: cache.Key
    plan: Plan
    seconds: float | None
    features: Callable[[], mx.array]


class MediaEncoder:
    """The half of an engine that sees."""

    def __init__(
        self,
        model: Model,
        family: Family,
        pixel_limits: tuple[int, int] | None,
        default: PixelLimits,
        store: cache.EngineCache,
        reading: media.ImageOptions,
    ) -> None:
        """Take what a checkpoint and its user say.

        Args:
            model: the network.
            family: geometry and conventions of the checkpoint.
            pixel_limits: (min_pixels, max_pixels) of the checkpoint, None where it does not say.
            default: the engine's limits, for requests that have none.
            store: keeps features, and counts.
            reading: how images are read; a video has its own.
        """
        self.model, self.family, self.pixel_limits = model, family, pixel_limits
        self.default, self.store, self.reading = default, store, reading

    def plan(self, medium: Medium, asked: PixelLimits, *, most: int | None = None) -> Plan:
        """What a medium becomes; of files, only headers are read.

        Args:
            medium: its own limits go first.
            asked: the request's, which go before the engine's.
            most: tokens it may take at most, whatever else is said; of a video all its frames together.
        """
        frames = 1
        if isinstance(medium.source, media.Video):
            frames = len(medium.source.groups(self.family.temporal_patch_size))
        levels = [medium.limits, asked, self.default]
        if most is not None:
            levels.insert(0, PixelLimits(upper=most // frames))
        moving = medium.kind == "video"
        plan = limits.choose(medium.size(self.reading), self.family, levels, self.pixel_limits, moving=moving)
        return replace(plan, frames=frames)

    def look(
        self, shown: Sequence[Medium], plans: Sequence[Plan], clock: StageTimer, progress: Progress | None = None
    ) -> list[EncodedMedia]:
        """See each medium, or recognize it: an image whose file and plan were seen before is not even decoded.

        Args:
            shown: images and videos.
            plans: one a medium, made for it.
            clock: is given "decode", "patches" and "vision".
            progress: is told of "vision", in tokens of all media.
        """
        views: list[EncodedMedia] = []
        done, total = 0, sum(plan.tokens for plan in plans)
        for medium, plan in zip(shown, plans, strict=True):
            told = None if progress is None else partial(_add, progress, done, total)
            if told is not None:
                told(0, plan.tokens)
            if isinstance(medium.source, media.Video):
                views.append(self._watch(medium.source, plan, clock, told))
            else:
                views.append(self._look(medium.source, plan, clock, told))
            done += plan.tokens
        if progress is not None and plans:
            progress("vision", done, total)
        return views

    def _look(self, image: Any, plan: Plan, clock: StageTimer, told: Told | None) -> EncodedMedia:
        if not self.store.on:
            features = self._encode(self._cut(image, plan, clock), plan, clock, told)
            return EncodedMedia("image", b"", plan, None, lambda: features)
        planned, content = None, None
        with clock.stage("decode"):
            encoded = self.reading.encoded(image)
            if encoded is not None:
                image = encoded  # from here on the bytes that were named, whatever becomes of the file
                planned = keys.planned(encoded.data, self.reading.look, plan, self.store.tower)
                content = self.store.content_of(planned)
        if content is None:
            cut = self._cut(image, plan, clock)
            with clock.stage("patches"):
                content = keys.content(cut, plan.grid_thw, self.store.tower)
            if planned is not None:
                self.store.link(planned, content)
            features = self._features(content, plan, clock, lambda: cut, told)
            return EncodedMedia("image", content, plan, None, lambda: features)
        recall = partial(self._features, content, plan, clock, lambda: self._cut(image, plan, clock), told)
        return EncodedMedia("image", content, plan, None, recall)

    def _watch(self, video: media.Video, plan: Plan, clock: StageTimer, told: Told | None) -> EncodedMedia:
        """Frames come from many files, or none: a video is known by its pixels alone."""
        # Qwen2-VL's frames are one position apart, however long that was.
        timed = self.family.name != "qwen2-vl"
        seconds = self.family.temporal_patch_size / video.fps if timed else None
        cut = self._cut_moving(video, plan, clock)
        if not self.store.on:
            features = self._encode(cut, plan, clock, told)
            return EncodedMedia("video", b"", plan, seconds, lambda: features)
        with clock.stage("patches"):
            content = keys.content(cut, plan.grid_thw, self.store.tower, seconds)
        return EncodedMedia(
            "video", content, plan, seconds, partial(self._features, content, plan, clock, lambda: cut, told)
        )

    def _features(
        self,
        content: cache.Key,
        plan: Plan,
        clock: StageTimer,
        cut: Callable[[], npt.NDArray[Any]],
        told: Told | None,
    ) -> mx.array:
        with clock.stage("vision"):
            kept = self.store.features(content)
        if kept is not None:
            return kept
        features = self._encode(cut(), plan, clock, told)
        self.store.keep_features(content, features)
        return features

    def _cut(self, image: Any, plan: Plan, clock: StageTimer) -> npt.NDArray[np.uint8]:
        """Native patches of an image."""
        with clock.stage("decode"):
            frame = self._open(image, self.reading)
        with clock.stage("patches"):
            cut: npt.NDArray[np.uint8] = patchify.patchify(frame, plan)
        self.store.counters.add(resizes=1)
        return cut

    def _cut_moving(self, video: media.Video, plan: Plan, clock: StageTimer) -> npt.NDArray[np.float32]:
        """Reference patches of a video: each holds the same place of temporal_patch_size frames."""
        still, family = replace(plan, frames=1), plan.family
        split = (still.patches, 3, family.temporal_patch_size, family.patch_size**2)
        cut = np.empty((plan.frames, *split), np.float32)
        for joined, group in zip(cut, video.groups(family.temporal_patch_size), strict=True):
            for place, source in enumerate(group):
                with clock.stage("decode"):
                    frame = self._open(source, video.reading)
                with clock.stage("patches"):
                    joined[:, :, place] = patchify.patchify(frame, still, "reference").reshape(split)[:, :, place]
        self.store.counters.add(resizes=plan.frames * family.temporal_patch_size)
        return cut.reshape(plan.patches, -1)

    def _open(self, image: Any, reading: media.ImageOptions) -> media.Frame:
        if not (isinstance(image, media.Frame) or arrays.is_array(image)):
            self.store.counters.add(decodes=1)
        return reading.open(image)

    def _encode(self, cut: npt.NDArray[Any], plan: Plan, clock: StageTimer, told: Told | None) -> mx.array:
        """The tower's output, evaluated."""
        with clock.stage("vision"):
            features = self.model.image_features(mx.array(cut), [plan.grid_thw], told)
            mx.eval(features)
        self.store.counters.add(vision_calls=1, patches=len(cut))
        return features


def _add(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    """Tell of one medium's tokens, those of the media before it added."""
    progress("vision", before + done, total)
