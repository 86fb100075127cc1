"""Generated screens as a data set; nothing is read from a disk."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mlx_saccade import scenes, validation
from mlx_saccade.errors import InputError
from mlx_saccade.evals.metrics import bin_of, share_of
from mlx_saccade.evals.targets import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlx_saccade.media import Source
    from mlx_saccade.scenes import Element

__all__ = ["Scenes", "choose_targets"]


def choose_targets(elements: Sequence[Element], size: tuple[int, int], seed: int, count: int) -> list[int]:
    """Return the numbers of up to `count` elements of a screen, drawn at random, one of each size bin in turn.

    In drawing order the dock's icons would come before anything else.

    Args:
        elements: of the screen.
        size: (width, height) of the screen.
        seed: of the screen.
        count: how many to choose; the first ones are the same for a larger count.
    """
    bins: dict[str, list[int]] = {}
    for number in map(int, np.random.RandomState(seed).permutation(len(elements))):
        bins.setdefault(bin_of(share_of(elements[number], size)), []).append(number)
    chosen: list[int] = []
    while bins and len(chosen) < count:
        for name in sorted(bins):
            chosen.append(bins[name].pop())
            if not bins[name]:
                del bins[name]
    return chosen[:count]


class Scenes:
    """Targets on generated screens, one screen after another.

    Attributes:
        name: "scenes".
        notes: none.
    """

    name = "scenes"
    notes: tuple[str, ...] = ()

    def __init__(self, n: int, *, size: tuple[int, int] = (3840, 2160), seed: int = 0, per_screen: int = 8) -> None:
        """Name the targets.

        Args:
            n: number of targets.
            size: (width, height) of the screens in pixels.
            seed: of the first screen.
            per_screen: maximum targets of one screen, of all size bins in turn.

        Raises:
            InputError: a number below 1, a negative seed, or a size that no screen can have.
        """
        self.n = validation.at_least(1, n, "n")
        self.per_screen = validation.at_least(1, per_screen, "targets of a screen")
        self.size, self.seed = size, validation.at_least(0, seed, "seed")
        self._drawn: tuple[str, Source] | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What changes every target: the version of the generator, and the size."""
        return {"kind": "scenes", "scenes": scenes.VERSION, "size": list(self.size)}

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """The targets by screen; the boxes are computed without drawing the screens."""
        targets: list[Target] = []
        seed = self.seed
        while len(targets) < self.n:
            elements, _ = scenes.annotate(seed, self.size)
            if not elements:
                raise InputError(f"scenes: expected elements on a screen of {self.size}; got none. Name a larger size")
            chosen = choose_targets(elements, self.size, seed, self.per_screen)
            targets += [self._target(seed, number, elements[number]) for number in chosen]
            seed += 1
        return tuple(targets[: self.n])

    def _target(self, seed: int, number: int, element: Element) -> Target:
        image = f"scene-{seed:06d}"
        return Target(
            id=f"{image}-{number}",
            image=image,
            description=element.description,
            expected=(tuple(map(float, element.box)),),  # type: ignore[arg-type]
            image_size=self.size,
            ui_type="icon",  # ScreenSpot's other type, text, does not occur
            application="saccade-scenes",
            group=element.kind,
        )

    def open(self, target: Target) -> Source:
        """Return the pixels of the target's screen."""
        if self._drawn is None or self._drawn[0] != target.image:
            self._drawn = target.image, scenes.generate(int(target.image.rpartition("-")[2]), self.size).image
        return self._drawn[1]

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process is sent: no pixels."""
        return {**self.__dict__, "_drawn": None}

    def image_id(self, target: Target) -> str:
        """Return the arguments that the screen is drawn from."""
        width, height = self.size
        return f"{target.image} of version {scenes.VERSION}, {width}x{height}"
