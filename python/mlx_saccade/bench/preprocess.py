"""The benchmark of preprocessing: saccade, and Pillow's resize with a NumPy patchify, on the same array."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlx_saccade.preprocess.plan import Plan
from mlx_saccade.preprocess.plan import plan as plan_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """The times at one budget.

    Attributes:
        tokens: visual tokens of the image.
        saccade: seconds of saccade's fastest call.
        pillow: seconds of the fastest call of Pillow and NumPy.
        equal: both gave the same bytes.
    """

    tokens: int
    saccade: float
    pillow: float
    equal: bool

    @property
    def ratio(self) -> float:
        """Pillow's time divided by saccade's."""
        return self.pillow / self.saccade


def pillow_patches(pixels: NDArray[np.uint8], plan: Plan) -> NDArray[np.uint8]:
    """Return patches in merge-block order by Pillow and NumPy: uint8 [patches, 3 * patch * patch]."""
    import numpy as np
    from PIL import Image

    resized = np.asarray(Image.fromarray(pixels).resize(plan.resized_size, Image.Resampling.BICUBIC))
    side, merge = plan.family.patch_size, plan.family.merge_size
    _, rows, columns = plan.grid_thw
    blocks = resized.reshape(rows // merge, merge, side, columns // merge, merge, side, 3)
    return np.ascontiguousarray(blocks.transpose(0, 3, 1, 4, 6, 2, 5)).reshape(rows * columns, 3 * side * side)


def best(work: Callable[[], Any], rounds: int) -> float:
    """Return the seconds of the fastest of `rounds` calls, after one that is not timed."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def compare(pixels: NDArray[np.uint8], budgets: Sequence[int], rounds: int = 5) -> list[Comparison]:
    """Time both sides at each budget.

    Args:
        pixels: the image, uint8 [height, width, 3].
        budgets: maximum visual tokens.
        rounds: number of timed calls of each side; default 5.

    Returns:
        A comparison for each budget; the bytes are compared in the pass order of the installed Pillow.
    """
    import numpy as np
    import PIL

    from mlx_saccade.preprocess.patchify import patchify
    from mlx_saccade.preprocess.positions import window_index

    results = []
    for budget in budgets:
        plan = plan_image((pixels.shape[1], pixels.shape[0]), budget=budget)
        order, _ = window_index([plan.grid_thw])
        unit = plan.family.merge_size**2
        expected = pillow_patches(pixels, plan)
        windowed = expected.reshape(-1, unit, expected.shape[1])[order].reshape(expected.shape)
        # Up to 12.1 the horizontal pass is always first; 12.2 and 12.3 differ only for strips over 100:1.
        newer = int(PIL.__version__.split(".")[0]) >= 13
        patches = patchify(pixels, plan, pass_order="pillow13" if newer else "horizontal")
        results.append(
            Comparison(
                tokens=plan.tokens,
                saccade=best(lambda plan=plan: patchify(pixels, plan), rounds),  # type: ignore[misc]
                pillow=best(lambda plan=plan: pillow_patches(pixels, plan), rounds),  # type: ignore[misc]
                equal=bool(np.array_equal(patches, windowed)),
            )
        )
    return results
