"""Encode images and videos for the language model: plan, decode, patchify, vision tower.

They are encoded one at a time, so memory is that of the largest. Features are cached for later requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlx_saccade import cache
from mlx_saccade.backend import mx
from mlx_saccade.cache import keys
from mlx_saccade.engine import owner
from mlx_saccade.engine.answer import StageTimer
from mlx_saccade.engine.request import Medium
from mlx_saccade.engine.sampling import Progress
from mlx_saccade.errors import InputError
from mlx_saccade.families import Family
from mlx_saccade.media import Frame, ImageOptions, LazyImage, Video
from mlx_saccade.models import Model
from mlx_saccade.models.execution import Progress as TowerProgress
from mlx_saccade.preprocess import limits, patchify
from mlx_saccade.preprocess.limits import PixelLimits
from mlx_saccade.preprocess.patchify import Backend
from mlx_saccade.preprocess.plan import Plan

__all__ = ["EncodedMedia", "MediaEncoder"]

_AT_CAP = PixelLimits(upper="checkpoint")
Patchify = Callable[[], npt.NDArray[Any]]


@dataclass(frozen=True)
class EncodedMedia:
    """One image or video as the language model reads it.

    Attributes:
        kind: "image" or "video".
        content: its key (`cache.keys.content`); empty where nothing is cached.
        plan: its size and grid.
        seconds: from one frame of a video's grid to the next; None where the model does not count them.
        features: returns the tower's output of `Model.encode`, evaluated; runs the tower only if it has to.
    """

    kind: str
    content: cache.Key
    plan: Plan
    seconds: float | None
    features: Callable[[], mx.array]


class MediaEncoder:
    """The vision half of an engine."""

    def __init__(
        self,
        model: Model,
        family: Family,
        pixel_limits: tuple[int, int] | None,
        default: PixelLimits,
        store: cache.EngineCache,
        image_options: ImageOptions,
        backend: Backend = "pillow",
    ) -> None:
        """Take the parts of an engine.

        Args:
            model: the network.
            family: geometry and conventions of the checkpoint.
            pixel_limits: (min_pixels, max_pixels) of the checkpoint, None where it has none.
            default: the engine's limits, for requests without their own.
            store: caches features, and counts.
            image_options: how images are decoded; a video has its own.
            backend: library whose pixels the resize reproduces, as `mlx_saccade.resize` takes it.
        """
        self.model, self.family, self.pixel_limits = model, family, pixel_limits
        self.default, self.store, self.image_options, self.backend = default, store, image_options, backend

    def plan(self, medium: Medium, request_limits: PixelLimits, *, most: int | None = None) -> Plan:
        """Return the plan of a medium; of files, only headers are read.

        Args:
            medium: its own limits win.
            request_limits: the limits of the request, which win over the engine's.
            most: maximum tokens, above all other limits; of a video for all its frames together.
        """
        steps, shown = 1, None
        if isinstance(medium.source, Video):
            shown = len(medium.source.frames)
            steps = -(-shown // self.family.temporal_patch_size)
        levels = [medium.limits, request_limits, self.default]
        if most is not None:
            levels.insert(0, PixelLimits(upper=most // steps))
        return limits.choose(medium.size(self.image_options), self.family, levels, self.pixel_limits, frames=shown)

    def tokens_at_cap(self, medium: Medium, plan: Plan) -> int:
        """Return the tokens that an image would take without any budget; of a video its plan's."""
        if medium.kind == "video":
            return plan.tokens
        try:
            whole = limits.choose(plan.source_size, self.family, [_AT_CAP], self.pixel_limits)
        except InputError:  # a strip whose least size is above the cap
            return plan.tokens
        return whole.tokens

    def encode(
        self,
        media: Sequence[Medium],
        plans: Sequence[Plan],
        timer: StageTimer,
        progress: Progress | None = None,
        *,
        later: Iterable[Medium] = (),
    ) -> list[EncodedMedia]:
        """Encode each medium; an image whose file and plan are cached is not even decoded.

        Args:
            media: images, opened, and videos.
            plans: one for each medium.
            timer: counts "decode", "patches" and "vision".
            progress: called for "vision", in tokens of all media, and for "frames" while a video is decoded.
            later: media that a later call encodes; images that they share stay decoded until then.
        """
        encoded: list[EncodedMedia] = []
        done, total = 0, sum(plan.tokens for plan in plans)
        uses = Counter(id(medium.source) for medium in (*media, *later))
        for medium, plan in zip(media, plans, strict=True):
            report = None if progress is None else partial(_report, progress, done, total)
            if report is not None:
                report(0, plan.tokens)
            if isinstance(medium.source, Video):
                encoded.append(self._encode_video(medium.source, plan, timer, progress, report))
            else:
                encoded.append(self._encode_image(medium.image, plan, timer, report))
                uses[id(medium.source)] -= 1
                if not uses[id(medium.source)]:
                    medium.source.release()
            done += plan.tokens
        if progress is not None and plans:
            progress("vision", done, total)
        return encoded

    def _encode_image(
        self, image: LazyImage, plan: Plan, timer: StageTimer, report: TowerProgress | None
    ) -> EncodedMedia:
        if not self.store.on:
            features = self._run_tower(self._patchify(image, plan, timer), plan, timer, report)
            return EncodedMedia("image", b"", plan, None, lambda: features)
        key, content = None, None
        if image.encoded is not None:
            with timer.stage("decode"):
                options = {**image.pixel_options, "backend": self.backend}
                key = keys.planned(image.encoded.data, options, plan, self.store.tower)
                content = self.store.content_of(key)
        if content is not None:
            again = partial(self._patchify_and_release, image, plan, timer)
            return EncodedMedia(
                "image", content, plan, None, partial(self._features, content, plan, timer, again, report)
            )
        patches = self._patchify(image, plan, timer)
        with timer.stage("patches"):
            content = keys.content(patches, plan.grid_thw, self.store.tower)
        if key is not None:
            self.store.link(key, content)
        features = self._features(content, plan, timer, lambda: patches, report)
        return EncodedMedia("image", content, plan, None, lambda: features)

    def _encode_video(
        self,
        video: Video,
        plan: Plan,
        timer: StageTimer,
        progress: Progress | None,
        report: TowerProgress | None,
    ) -> EncodedMedia:
        """Encode a video; a film file that was encoded before is not decoded again."""
        # Qwen2-VL's frames are one position apart, whatever the rate.
        timed = self.model.family.seconds_per_grid is not None
        seconds = self.family.temporal_patch_size / video.fps if timed else None
        patchify_again = partial(self._patchify_video, video, plan, timer, progress)
        if not self.store.on:
            features = self._run_tower(patchify_again(), plan, timer, report)
            return EncodedMedia("video", b"", plan, seconds, lambda: features)
        key, content = None, None
        if video.identity is not None:
            key = keys.planned(video.identity, {"backend": self.backend, "seconds": seconds}, plan, self.store.tower)
            content = self.store.content_of(key)
        if content is not None:
            return EncodedMedia(
                "video", content, plan, seconds, partial(self._features, content, plan, timer, patchify_again, report)
            )
        patches = patchify_again()
        with timer.stage("patches"):
            content = keys.content(patches, plan.grid_thw, self.store.tower, seconds)
        if key is not None:
            self.store.link(key, content)
        return EncodedMedia(
            "video", content, plan, seconds, partial(self._features, content, plan, timer, lambda: patches, report)
        )

    def _features(
        self, content: cache.Key, plan: Plan, timer: StageTimer, patches: Patchify, report: TowerProgress | None
    ) -> mx.array:
        """Return the features of a content from the cache, or run the tower and cache them."""
        with timer.stage("vision"):
            features = self.store.features(content)
        if features is None:
            features = self._run_tower(patches(), plan, timer, report)
            self.store.keep_features(content, features)
        return features

    def _patchify(self, image: LazyImage, plan: Plan, timer: StageTimer) -> npt.NDArray[np.uint8]:
        """Return the native patches of an image."""
        frame = self._decode(image, timer)
        with timer.stage("patches"):
            patches: npt.NDArray[np.uint8] = patchify.patchify(frame, plan, backend=self.backend)
        self.store.counters.add(resizes=1)
        return patches

    def _patchify_and_release(self, image: LazyImage, plan: Plan, timer: StageTimer) -> npt.NDArray[np.uint8]:
        patches = self._patchify(image, plan, timer)
        image.release()
        return patches

    def _patchify_video(
        self, video: Video, plan: Plan, timer: StageTimer, progress: Progress | None
    ) -> npt.NDArray[np.float32]:
        """Return the reference patches of a video: each holds the same place of temporal_patch_size frames."""
        still, family = replace(plan, frames=1), plan.family
        shape = (still.patches, 3, family.temporal_patch_size, family.patch_size**2)
        patches = np.empty((plan.frames, *shape), np.float32)
        groups = video.groups(family.temporal_patch_size)
        for number, joined in enumerate(patches):
            owner.checkpoint()
            if progress is not None:
                progress("frames", number * family.temporal_patch_size, len(video))
            with timer.stage("decode"):
                group = next(groups)  # of a film file, decoded here
            for place, source in enumerate(group):
                with timer.stage("decode"):
                    image = LazyImage(source, video.image_options)
                frame = self._decode(image, timer)
                with timer.stage("patches"):
                    made = patchify.patchify(frame, still, "reference", backend=self.backend)
                    joined[:, :, place] = made.reshape(shape)[:, :, place]
        self.store.counters.add(resizes=plan.frames * family.temporal_patch_size)
        return patches.reshape(plan.patches, -1)

    def _decode(self, image: LazyImage, timer: StageTimer) -> Frame:
        if not image.is_decoded:
            self.store.counters.add(decodes=1)
        with timer.stage("decode"):
            return image.frame()

    def _run_tower(
        self, patches: npt.NDArray[Any], plan: Plan, timer: StageTimer, report: TowerProgress | None
    ) -> mx.array:
        """Return the tower's output, evaluated."""
        with timer.stage("vision"):
            features = self.model.encode(mx.array(patches), [plan.grid_thw], report)
            mx.eval(features)
        self.store.counters.add(vision_calls=1, patches=len(patches))
        return features


def _report(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    """Report one medium's tokens, added to those of the media before it."""
    progress("vision", before + done, total)
