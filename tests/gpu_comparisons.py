"""Comparisons of the GPU kernels with the CPU core on generated input, for each runner of the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from kernel_cases import BACKENDS, KIND, SIDE, image
from numpy.typing import NDArray

from mlx_saccade import _core
from mlx_saccade.gpu.patches import GpuImage, resize_patchify
from mlx_saccade.gpu.positions import vision_positions, window_index

Compare = Callable[[], None]
GRID = st.tuples(st.integers(1, 3), st.integers(1, 24), st.integers(1, 24))


def _settings(examples: int, shrink: bool) -> settings:
    phases = [phase for phase in Phase if shrink or phase not in (Phase.shrink, Phase.explain)]
    return settings(max_examples=examples, phases=phases, suppress_health_check=[HealthCheck.too_slow], database=None)


def resized(pixels: NDArray[np.uint8], size: tuple[int, int], backend: str) -> NDArray[Any]:
    """Return an image resized by the GPU kernel: patches of one pixel in raster order."""
    outputs = resize_patchify([GpuImage(pixels, "rgb", size, backend)], patch_size=1, merge_size=1, window_size=0)
    assert outputs is not None
    return outputs.reshape(size[1], size[0], 3)


def resizes(examples: int, *, shrink: bool = True) -> Compare:
    @_settings(examples, shrink)
    @given(
        seed=st.integers(0, 2**32 - 1),
        kind=KIND,
        width=SIDE,
        height=SIDE,
        new_width=st.integers(1, 130),
        new_height=st.integers(1, 130),
        backend=st.sampled_from(BACKENDS),
        gap=st.integers(0, 5),
    )
    @example(seed=0, kind="noise", width=600, height=600, new_width=5, new_height=5, backend="pillow12", gap=1)
    @example(seed=0, kind="noise", width=600, height=600, new_width=15, new_height=130, backend="pillow13", gap=0)
    @example(seed=0, kind="extremes", width=600, height=9, new_width=130, new_height=11, backend="pillow13", gap=0)
    @example(seed=0, kind="extremes", width=115, height=122, new_width=27, new_height=7, backend="torchvision", gap=0)
    @example(seed=0, kind="extremes", width=195, height=174, new_width=130, new_height=20, backend="torchvision", gap=0)
    @example(seed=0, kind="noise", width=60, height=600, new_width=33, new_height=31, backend="pillow13", gap=200)
    def compare(
        seed: int, kind: str, width: int, height: int, new_width: int, new_height: int, backend: str, gap: int
    ) -> None:
        pixels, size = image(seed, width, height, kind, gap), (new_width, new_height)
        assert np.array_equal(resized(pixels, size, backend), _core.resize(pixels, *size, backend))

    return compare


def patches(examples: int, *, shrink: bool = True) -> Compare:
    @_settings(examples, shrink)
    @given(
        seed=st.integers(0, 2**32 - 1),
        width=SIDE,
        height=SIDE,
        rows=st.integers(1, 12),
        columns=st.integers(1, 12),
        patch=st.sampled_from([1, 2, 7, 14, 15, 16, 17]),
        merge=st.integers(1, 3),
        window=st.integers(0, 4),
        backend=st.sampled_from(BACKENDS),
    )
    def compare(
        seed: int,
        width: int,
        height: int,
        rows: int,
        columns: int,
        patch: int,
        merge: int,
        window: int,
        backend: str,
    ) -> None:
        while rows * columns * (patch * merge) ** 2 > 40_000:  # the C++ form runs a million samples a second
            rows, columns = -(-rows // 2), -(-columns // 2)
        factor = patch * merge
        pixels, size = image(seed, width, height), (columns * factor, rows * factor)
        batch = [GpuImage(pixels, "rgb", size, backend)]
        outputs = resize_patchify(batch, patch_size=patch, merge_size=merge, window_size=window * factor)
        expected = _core.resize_patchify_native(pixels, *size, backend, patch, merge, window * factor)
        assert np.array_equal(outputs, expected)

    return compare


def batches(examples: int, *, shrink: bool = True) -> Compare:
    @_settings(examples, shrink)
    @given(
        seed=st.integers(0, 2**32 - 1),
        sizes=st.lists(st.tuples(SIDE, SIDE, st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=5),
        backend=st.sampled_from(BACKENDS),
        formats=st.lists(st.sampled_from(["rgb", "rgba", "bgra", "grey"]), min_size=5, max_size=5),
    )
    def compare(seed: int, sizes: list[tuple[int, int, int, int]], backend: str, formats: list[str]) -> None:
        random = np.random.RandomState(seed)
        shapes = {"rgb": (3,), "rgba": (4,), "bgra": (4,), "grey": ()}
        images, targets, names = [], [], []
        for (width, height, columns, rows), name in zip(sizes, formats, strict=False):
            images.append(random.randint(0, 256, (height, width, *shapes[name]), dtype=np.uint8))
            targets.append((28 * columns, 28 * rows))
            names.append(name)
        batch = [
            GpuImage(pixels, name, size, backend) for pixels, size, name in zip(images, targets, names, strict=True)
        ]
        outputs = resize_patchify(batch, patch_size=14, merge_size=2, window_size=112)
        expected = _core.resize_patchify_native_batch(images, targets, backend, 14, 2, 112, names)
        assert np.array_equal(outputs, expected)

    return compare


def orders_of_tokens(examples: int, *, shrink: bool = True) -> Compare:
    @_settings(examples, shrink)
    @given(grids=st.lists(GRID, min_size=1, max_size=6), merge=st.integers(1, 3), side=st.integers(1, 5))
    def compare(grids: list[tuple[int, int, int]], merge: int, side: int) -> None:
        grids = [(frames, rows * merge, columns * merge) for frames, rows, columns in grids]
        sizes = _core.window_index_size(grids, merge, side * merge * 14, 14)
        outputs = window_index(grids, sizes, merge_size=merge, side=side)
        assert outputs is not None
        for one, expected in zip(outputs, _core.window_index(grids, merge, side * merge * 14, 14), strict=True):
            assert np.array_equal(one, expected)

    return compare


def positions(examples: int, *, shrink: bool = True) -> Compare:
    @_settings(examples, shrink)
    @given(grids=st.lists(GRID, min_size=1, max_size=6), merge=st.integers(1, 3))
    def compare(grids: list[tuple[int, int, int]], merge: int) -> None:
        grids = [(frames, rows * merge, columns * merge) for frames, rows, columns in grids]
        assert np.array_equal(vision_positions(grids, merge_size=merge), _core.vision_positions(grids, merge))

    return compare


COMPARISONS = {
    "resizes": resizes,
    "patches": patches,
    "batches": batches,
    "orders of tokens": orders_of_tokens,
    "positions": positions,
}
