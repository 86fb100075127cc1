"""From an image to what the language model reads of it: plan, decode, patches, vision.

One image at a time, so that memory is the largest image's and what was computed for one can be kept for the next
request that shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saccade import budget as budgets
from saccade import media, patches
from saccade.backend import mx
from saccade.budget import Plan
from saccade.engine.clock import Clock
from saccade.families import Family
from saccade.nets import Model

__all__ = ["Sight"]


class Sight:
    """The half of an engine that sees."""

    def __init__(self, model: Model, family: Family, pixel_limits: tuple[int, int] | None) -> None:
        """Take what a checkpoint says.

        Args:
            model: the network.
            family: geometry and conventions of the checkpoint.
            pixel_limits: (min_pixels, max_pixels) of the checkpoint, None where it does not say.
        """
        self.model, self.family, self.pixel_limits = model, family, pixel_limits

    def plan(self, image: Any, budget: int | str | None) -> Plan:
        """What an image becomes; reads its header only."""
        return budgets.plan(image, family=self.family, budget=budget, checkpoint_pixels=self.pixel_limits)

    def look(self, images: Sequence[Any], plans: Sequence[Plan], clock: Clock) -> list[mx.array]:
        """The tower's output for each image, [tokens, hidden], evaluated.

        Args:
            images: what `saccade.media.open_image` takes.
            plans: one an image, made for it.
            clock: is given "decode", "patches" and "vision".
        """
        return [self._look(image, plan, clock) for image, plan in zip(images, plans, strict=True)]

    def _look(self, image: Any, plan: Plan, clock: Clock) -> mx.array:
        with clock.stage("decode"):
            frame = media.open_image(image)
        with clock.stage("patches"):
            pixels = mx.array(patches.patchify(frame, plan))
            mx.eval(pixels)
        with clock.stage("vision"):
            features = self.model.image_features(pixels, [plan.grid_thw])
            mx.eval(features)
        return features
