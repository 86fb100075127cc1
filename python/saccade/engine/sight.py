"""From an image to what the language model reads of it: plan, decode, patches, vision.

One image at a time, so that memory is the largest image's and what was computed for one is kept for the next request
that shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from saccade import budget as budgets
from saccade import caches, media, patches
from saccade.backend import mx
from saccade.budget import Plan
from saccade.caches import keys
from saccade.engine.clock import Clock
from saccade.families import Family
from saccade.nets import Model

__all__ = ["Sight", "View"]

# How images are decoded, as far as it is a choice: what `media.open_image` is given.
_POLICY: dict[str, Any] = {}


@dataclass(frozen=True)
class View:
    """One image as the language model reads it.

    Attributes:
        content: its name (`caches.keys.content`); empty where nothing is kept.
        tokens: how many it takes.
        features: gives the tower's output, [tokens, hidden], evaluated; runs the tower only where it has to.
    """

    content: caches.Key
    tokens: int
    features: Callable[[], mx.array]


class Sight:
    """The half of an engine that sees."""

    def __init__(self, model: Model, family: Family, pixel_limits: tuple[int, int] | None, store: caches.Store) -> None:
        """Take what a checkpoint says.

        Args:
            model: the network.
            family: geometry and conventions of the checkpoint.
            pixel_limits: (min_pixels, max_pixels) of the checkpoint, None where it does not say.
            store: keeps features, and counts.
        """
        self.model, self.family, self.pixel_limits, self.store = model, family, pixel_limits, store

    def plan(self, image: Any, budget: int | str | None) -> Plan:
        """What an image becomes; reads its header only."""
        return budgets.plan(image, family=self.family, budget=budget, checkpoint_pixels=self.pixel_limits)

    def look(self, images: Sequence[Any], plans: Sequence[Plan], clock: Clock) -> list[View]:
        """See each image, or recognise it: one whose file and plan were seen before is not even decoded.

        Args:
            images: what `saccade.media.open_image` takes.
            plans: one an image, made for it.
            clock: is given "decode", "patches" and "vision".
        """
        return [self._look(image, plan, clock) for image, plan in zip(images, plans, strict=True)]

    def _look(self, image: Any, plan: Plan, clock: Clock) -> View:
        if not self.store.on:
            features = self._encode(self._cut(image, plan, clock), plan, clock)
            return View(b"", plan.tokens, lambda: features)
        planned, content = None, None
        with clock.stage("decode"):
            encoded = media.encoded(image)
            if encoded is not None:
                image = encoded  # from here on the bytes that were named, whatever becomes of the file
                planned = keys.planned(encoded.data, _POLICY, plan, self.store.tower)
                content = self.store.content_of(planned)
        if content is None:
            cut = self._cut(image, plan, clock)
            with clock.stage("patches"):
                content = keys.content(cut, plan.grid_thw, self.store.tower)
            if planned is not None:
                self.store.link(planned, content)
            features = self._features(content, plan, clock, lambda: cut)
            return View(content, plan.tokens, lambda: features)
        recall = partial(self._features, content, plan, clock, lambda: self._cut(image, plan, clock))
        return View(content, plan.tokens, recall)

    def _features(
        self, content: caches.Key, plan: Plan, clock: Clock, cut: Callable[[], npt.NDArray[np.uint8]]
    ) -> mx.array:
        with clock.stage("vision"):
            kept = self.store.features(content)
        if kept is not None:
            return kept
        features = self._encode(cut(), plan, clock)
        self.store.keep_features(content, features)
        return features

    def _cut(self, image: Any, plan: Plan, clock: Clock) -> npt.NDArray[np.uint8]:
        """Native patches of an image."""
        with clock.stage("decode"):
            frame = media.open_image(image, **_POLICY)
        if not isinstance(image, media.Frame | np.ndarray):
            self.store.counters.add(decodes=1)
        with clock.stage("patches"):
            cut: npt.NDArray[np.uint8] = patches.patchify(frame, plan)
        self.store.counters.add(resizes=1)
        return cut

    def _encode(self, cut: npt.NDArray[np.uint8], plan: Plan, clock: Clock) -> mx.array:
        """The tower's output, evaluated."""
        with clock.stage("vision"):
            features = self.model.image_features(mx.array(cut), [plan.grid_thw])
            mx.eval(features)
        self.store.counters.add(vision_calls=1, patches=len(cut))
        return features
