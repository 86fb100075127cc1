"""The native core beside Pillow's resize: budgets of a 4K screenshot, twelve shapes; each kernel, one thread and all.

    python -m pytest benchmarks/test_native.py          pytest-benchmark's statistics, a group for each shape
    python benchmarks/test_native.py                    one table: milliseconds (best), and times Pillow's resize

Both sides start from the same array in one process; saccade makes patches, the whole call from Python with its plan,
Pillow only resizes. Before a shape is timed, saccade's resize is compared with Pillow's, byte by byte.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL
import pytest
from numpy.typing import NDArray
from PIL import Image

from saccade import _core

ORDER = "pillow13" if int(PIL.__version__.split(".")[0]) >= 13 else "horizontal"
BUDGETS = {  # tokens of a 4K screenshot, (width, height) they resize it to
    256: (588, 336),
    1280: (1316, 728),
    4096: (2380, 1344),
    16384: (3836, 2156),
}
SHAPES = {
    "4K to 1,280 tokens": ((3840, 2160), (1316, 728)),
    "upright 4K": ((2160, 3840), (728, 1316)),
    "long page": ((1080, 8000), (392, 2912)),
    "very long page": ((1280, 20000), (224, 3528)),
    "panorama": ((8000, 1080), (2912, 392)),
    "large photograph": ((9000, 6000), (1204, 812)),
    "40 times smaller": ((7680, 4320), (196, 112)),
    "a little larger": ((1920, 1080), (1932, 1092)),
    "twice as large": ((640, 480), (1288, 952)),
    "9 pixels wide": ((9, 4000), (28, 4004)),
    "9 pixels high": ((4000, 9), (4004, 28)),
    "small": ((200, 200), (196, 196)),
}
KERNELS = [name for name in _core.kernels() if name != "scalar"] or ["scalar"]
THREADS = sorted({1, _core.threads()})


def noise(size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.random.RandomState(0).randint(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def patches(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return _core.native_patches(pixels, *size, ORDER, 14, 2, 112)


def check(pixels: NDArray[np.uint8], size: tuple[int, int]) -> None:
    """Stops unless saccade's resize is Pillow's and its patches are those of that resize."""
    expected = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    assert np.array_equal(_core.resize(pixels, *size, ORDER), expected)
    assert np.array_equal(patches(pixels, size), _core.patchify_native(expected, 14, 2, 112))


@pytest.fixture
def chosen() -> Any:
    """Undoes a test's choice of kernel and threads."""
    yield
    _core.select_kernel(None)
    _core.limit_threads(0)


def run(benchmark: Any, group: str, pixels: NDArray[np.uint8], size: tuple[int, int], side: str, threads: int) -> None:
    benchmark.group = group
    if side == "pillow":
        image = Image.fromarray(pixels)
        benchmark.pedantic(image.resize, args=(size, Image.Resampling.BICUBIC), rounds=5, warmup_rounds=1)
        return
    _core.select_kernel(side)
    _core.limit_threads(threads)
    check(pixels, size)
    benchmark.pedantic(patches, args=(pixels, size), rounds=20, warmup_rounds=2)


SIDES = [("pillow", 1), *((kernel, threads) for kernel in KERNELS for threads in THREADS)]


@pytest.mark.parametrize(("side", "threads"), SIDES)
@pytest.mark.parametrize("tokens", BUDGETS)
def test_budgets(benchmark: Any, chosen: Any, tokens: int, side: str, threads: int) -> None:
    run(benchmark, f"4K, {tokens} tokens", noise((3840, 2160)), BUDGETS[tokens], side, threads)


@pytest.mark.parametrize(("side", "threads"), SIDES)
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(benchmark: Any, chosen: Any, shape: str, side: str, threads: int) -> None:
    source, size = SHAPES[shape]
    run(benchmark, shape, noise(source), size, side, threads)


def test_after_twenty_idle_milliseconds(benchmark: Any) -> None:
    """A service is idle between requests: the helpers sleep, and have to be woken."""
    pixels = noise((3840, 2160))
    benchmark.group = "4K, 1280 tokens, after 20 ms idle"
    benchmark.pedantic(patches, setup=lambda: (time.sleep(0.02), ((pixels, BUDGETS[1280]), {}))[1], rounds=20)


# -- as a table -------------------------------------------------------------------------------------------------------


def best(work: Callable[[], Any], seconds: float) -> float:
    """Milliseconds of the fastest call, of as many as fit into `seconds`, at least three."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < 3 or (time.perf_counter() < until and len(times) < 100):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


def row(name: str, source: tuple[int, int], size: tuple[int, int]) -> str:
    pixels = noise(source)
    image = Image.fromarray(pixels)
    pillow = best(lambda: image.resize(size, Image.Resampling.BICUBIC), 0.3)
    cells = [f"{name:<20}{source[0]:>6}x{source[1]:<6}{size[0]:>5}x{size[1]:<5}{pillow:>9.2f}"]
    for kernel, threads in SIDES[1:]:
        _core.select_kernel(kernel)
        _core.limit_threads(threads)
        check(pixels, size)
        taken = best(lambda: patches(pixels, size), 0.2)
        cells.append(f"{taken:>9.2f} {f'({pillow / taken:.1f})':<8}")
    return "".join(cells)


def main() -> None:
    sides = "".join(f"{f'{kernel}, {threads} thr.':>18}" for kernel, threads in SIDES[1:])
    print(f"Pillow {PIL.__version__}; milliseconds, in brackets times Pillow's resize")
    print(f"{'':<20}{'source':>10}{'':>3}{'to':>7}{'':>4}{'Pillow':>10}{sides}")
    for tokens, size in BUDGETS.items():
        print(row(f"4K, {tokens:,} tokens", (3840, 2160), size), flush=True)
    for name, (source, size) in list(SHAPES.items())[1:]:
        print(row(name, source, size), flush=True)


if __name__ == "__main__":
    main()
