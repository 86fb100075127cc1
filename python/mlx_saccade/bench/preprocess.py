"""The benchmark of preprocessing: saccade, its scalar kernel, and Pillow with a NumPy patchify, on the same array."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from mlx_saccade import _core
from mlx_saccade.bench import machine
from mlx_saccade.bench.run import Cell, Run
from mlx_saccade.preprocess.plan import Plan
from mlx_saccade.preprocess.plan import plan as plan_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Comparison", "compare", "run_of"]

Work = Callable[[], Any]


@dataclass(frozen=True)
class Comparison:
    """The times at one budget.

    Attributes:
        budget: maximum visual tokens.
        plan: the plan of the image.
        seconds: seconds of each round by side, "saccade", "pillow" and perhaps "scalar"; the sides took turns.
        equal: all sides gave the same bytes.
    """

    budget: int
    plan: Plan
    seconds: dict[str, tuple[float, ...]]
    equal: bool

    @property
    def tokens(self) -> int:
        """Visual tokens of the image."""
        return self.plan.tokens

    def best(self, side: str) -> float:
        """Return the seconds of a side's fastest call."""
        return min(self.seconds[side])

    def ratio(self, side: str = "pillow") -> float:
        """Return the time of a side's fastest call divided by saccade's."""
        return self.best(side) / self.best("saccade")


def pillow_patches(pixels: NDArray[np.uint8], plan: Plan) -> NDArray[np.uint8]:
    """Return patches in merge-block order by Pillow and NumPy: uint8 [patches, 3 * patch * patch]."""
    import numpy as np
    from PIL import Image

    resized = np.asarray(Image.fromarray(pixels).resize(plan.resized_size, Image.Resampling.BICUBIC))
    side, merge = plan.family.patch_size, plan.family.merge_size
    _, rows, columns = plan.grid_thw
    blocks = resized.reshape(rows // merge, merge, side, columns // merge, merge, side, 3)
    return np.ascontiguousarray(blocks.transpose(0, 3, 1, 4, 6, 2, 5)).reshape(rows * columns, 3 * side * side)


def by_turns(sides: dict[str, Work], rounds: int) -> dict[str, tuple[float, ...]]:
    """Return the seconds of each side's calls; the sides take turns, after one call each that is not timed."""
    for work in sides.values():
        work()
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, work in sides.items():
            start = time.perf_counter()
            work()
            seconds[side].append(time.perf_counter() - start)
    return {side: tuple(values) for side, values in seconds.items()}


def compare(
    pixels: NDArray[np.uint8], budgets: Sequence[int], rounds: int = 5, *, scalar: bool = False
) -> list[Comparison]:
    """Time all sides at each budget.

    Args:
        pixels: the image, uint8 [height, width, 3].
        budgets: maximum visual tokens.
        rounds: number of timed calls of each side; default 5.
        scalar: also time the scalar kernel; default False.

    Returns:
        A comparison for each budget; the bytes are compared in the pass order of the installed Pillow.
    """
    return [_compare(pixels, budget, rounds, scalar=scalar) for budget in budgets]


def _compare(pixels: NDArray[np.uint8], budget: int, rounds: int, *, scalar: bool) -> Comparison:
    import numpy as np
    import PIL

    from mlx_saccade.preprocess.patchify import patchify
    from mlx_saccade.preprocess.positions import window_index

    plan = plan_image((pixels.shape[1], pixels.shape[0]), budget=budget)
    order, _ = window_index([plan.grid_thw])
    unit = plan.family.merge_size**2
    expected = pillow_patches(pixels, plan)
    windowed = expected.reshape(-1, unit, expected.shape[1])[order].reshape(expected.shape)
    # Up to 12.1 the horizontal pass is always first; 12.2 and 12.3 differ only for strips over 100:1.
    newer = int(PIL.__version__.split(".")[0]) >= 13

    def own() -> NDArray[np.uint8]:
        patches: NDArray[np.uint8] = patchify(pixels, plan, pass_order="pillow13" if newer else "horizontal")
        return patches

    def plain() -> NDArray[np.uint8]:
        _core.select_kernel("scalar")
        try:
            return own()
        finally:
            _core.select_kernel(None)

    sides: dict[str, Work] = {"saccade": own, "pillow": lambda: pillow_patches(pixels, plan)}
    if scalar:
        sides["scalar"] = plain
    equal = all(np.array_equal(work(), windowed) for side, work in sides.items() if side != "pillow")
    return Comparison(budget, plan, by_turns(sides, rounds), equal)


def run_of(comparisons: Sequence[Comparison]) -> Run:
    """Return the comparisons as a run for the history."""
    cells = [
        Cell(
            side=side,
            budget=one.budget,
            stages={"patchify": seconds},
            tokens=one.tokens,
            grid_thw=one.plan.grid_thw,
            source_size=one.plan.source_size,
            patch_bytes=one.plan.patches * 3 * one.plan.family.patch_size**2,
        )
        for one in comparisons
        for side, seconds in one.seconds.items()
    ]
    return Run(
        kind="preprocess",
        date=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        commit=machine.commit(),
        machine=machine.describe(),
        versions=machine.versions(),
        cells=tuple(cells),
    )
