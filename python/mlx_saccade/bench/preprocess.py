"""An image in memory to patches: saccade beside Pillow's resize and a NumPy patchify, on the same array."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlx_saccade.preprocess.plan import Plan, plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """Best times in seconds at one budget; `equal` says whether both sides gave the same bytes."""

    tokens: int
    saccade: float
    pillow: float
    equal: bool

    @property
    def ratio(self) -> float:
        """How many times faster saccade was."""
        return self.pillow / self.saccade


def pillow_patches(pixels: NDArray[np.uint8], made: Plan) -> NDArray[np.uint8]:
    """Pillow's resize, then patches in merge-block order: uint8 [patches, 3 * patch * patch]."""
    import numpy as np
    from PIL import Image

    resized = np.asarray(Image.fromarray(pixels).resize(made.resized_size, Image.Resampling.BICUBIC))
    side, merge = made.family.patch_size, made.family.merge_size
    _, rows, columns = made.grid_thw
    blocks = resized.reshape(rows // merge, merge, side, columns // merge, merge, side, 3)
    return np.ascontiguousarray(blocks.transpose(0, 3, 1, 4, 6, 2, 5)).reshape(rows * columns, 3 * side * side)


def best(work: Callable[[], Any], rounds: int) -> float:
    """Seconds of the fastest of `rounds` calls, after one that is not counted."""
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
        pixels: uint8 [height, width, 3].
        budgets: visual tokens at most.
        rounds: timed calls of each side.

    Returns:
        One comparison a budget. The outputs are compared with the pass order of the installed Pillow.
    """
    import numpy as np
    import PIL

    from mlx_saccade.preprocess.patchify import patchify
    from mlx_saccade.preprocess.positions import window_index

    results = []
    for budget in budgets:
        made = plan((pixels.shape[1], pixels.shape[0]), budget=budget)
        order, _ = window_index([made.grid_thw])
        unit = made.family.merge_size**2
        theirs = pillow_patches(pixels, made)
        windowed = theirs.reshape(-1, unit, theirs.shape[1])[order].reshape(theirs.shape)
        # Up to 12.1 always horizontal first; 12.2 and 12.3 differ for strips over 100:1, which a benchmark is not.
        newer = int(PIL.__version__.split(".")[0]) >= 13
        ours = patchify(pixels, made, pass_order="pillow13" if newer else "horizontal")
        results.append(
            Comparison(
                tokens=made.tokens,
                saccade=best(lambda made=made: patchify(pixels, made), rounds),  # type: ignore[misc]
                pillow=best(lambda made=made: pillow_patches(pixels, made), rounds),  # type: ignore[misc]
                equal=bool(np.array_equal(ours, windowed)),
            )
        )
    return results
