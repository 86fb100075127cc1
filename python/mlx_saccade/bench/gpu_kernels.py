"""The GPU kernels beside the CPU core: the same bytes, and the size from which on the GPU is faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from mlx_saccade.bench.preprocess import by_turns
from mlx_saccade.bench.run import Check
from mlx_saccade.gpu import choice

if TYPE_CHECKING:
    from mlx_saccade.gpu.choice import Device

__all__ = ["SCREENS", "TOKENS", "check", "first_faster_sizes"]

SCREENS = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160), (7680, 4320))
"""Width and height of the sources of resize_patchify, at 1,280 tokens."""
TOKENS = (16, 32, 64, 128, 256)
"""Tokens along a side of the grids of window_index and vision_positions."""
# A GPU that wins by less would lose on a busy machine.
_MARGIN = 1.1


@dataclass(frozen=True)
class Work:
    """A call that both devices can do.

    Attributes:
        kernel: a name in `gpu.text.KERNELS`.
        size: its size in the kernel's unit.
        name: the size in words.
        run: does it on a device.
    """

    kernel: str
    size: int
    name: str
    run: Callable[[Device], Any]


def works() -> Iterator[Work]:
    """Yield the calls, each kernel's from small to large."""
    import numpy as np

    from mlx_saccade.preprocess import positions
    from mlx_saccade.preprocess.patchify import patchify
    from mlx_saccade.preprocess.plan import plan

    for width, height in SCREENS:
        pixels = np.random.RandomState(width).randint(0, 256, (height, width, 3), dtype=np.uint8)
        of_screen = plan((width, height), budget=1280)

        def cut(device: Device, pixels: Any = pixels, of_screen: Any = of_screen) -> Any:
            return patchify(pixels, of_screen, device=device)

        yield Work("resize_patchify", width * height, f"{width}x{height}", cut)
    for side in TOKENS:
        grids = [(1, 2 * side, 2 * side)]

        def order(device: Device, grids: Any = grids) -> Any:
            return np.concatenate(positions.window_index(grids, device=device))

        def place(device: Device, grids: Any = grids) -> Any:
            return positions.vision_positions(grids, device=device)

        yield Work("window_index", side * side, f"{side}x{side} tokens", order)
        yield Work("vision_positions", 4 * side * side, f"{side}x{side} tokens", place)


def check() -> Check | None:
    """Compare the bytes of both devices; None if MLX has no GPU. A kernel that MLX could not run has not passed."""
    import numpy as np

    language = choice.dialect()
    if language is None:
        return None
    calls = list(works())
    wrong = [work for work in calls if not np.array_equal(work.run("gpu"), work.run("cpu"))]
    names = ", ".join(f"{work.kernel} at {work.name}" for work in wrong)
    failed = f"MLX could not run {', '.join(sorted(choice.failed_kernels))}" if choice.failed_kernels else ""
    detail = "; ".join(filter(None, [f"differs: {names}" if wrong else "", failed])) or f"{len(calls)} sizes"
    return Check("GPU kernels against the core", language, not wrong and not failed, detail)


def first_faster_sizes(rounds: int = 7) -> dict[str, int]:
    """Return, by kernel, the least measured size from which on the GPU was faster at every size; 0 for none."""
    sizes: dict[str, int] = {}
    for work in works():
        sides: dict[str, Callable[[], Any]] = {"gpu": partial(work.run, "gpu"), "cpu": partial(work.run, "cpu")}
        seconds = by_turns(sides, rounds)
        is_faster = _MARGIN * median(seconds["gpu"]) < median(seconds["cpu"])
        sizes[work.kernel] = (sizes.get(work.kernel, 0) or work.size) if is_faster else 0
    return sizes
