"""Every kernel that this machine runs, against the scalar one: the same bits, whatever the sizes and the content."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kernel_cases import BACKENDS, KIND, SIDE, image
from kernel_choice import use_kernel

from mlx_saccade import _core
from mlx_saccade.errors import InputError

KERNELS = [name for name in _core.kernels() if name != "scalar"]
LISTED = " ".join(_core.kernels())


def both(kernel: str, function: Any, *arguments: Any) -> None:
    with use_kernel("scalar"):
        expected = function(*arguments)
    with use_kernel(kernel):
        made = function(*arguments)
    assert np.array_equal(made, expected)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=300)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=KIND,
    width=SIDE,
    height=SIDE,
    new_width=SIDE,
    new_height=SIDE,
    backend=st.sampled_from(BACKENDS),
    gap=st.integers(0, 5),
)
@example(seed=0, kind="noise", width=600, height=600, new_width=5, new_height=5, backend="pillow12", gap=1)
@example(seed=0, kind="noise", width=600, height=600, new_width=15, new_height=600, backend="pillow13", gap=0)
@example(seed=0, kind="extremes", width=600, height=9, new_width=130, new_height=11, backend="pillow13", gap=0)
def test_resize(
    kernel: str, seed: int, kind: str, width: int, height: int, new_width: int, new_height: int, backend: str, gap: int
) -> None:
    both(kernel, _core.resize, image(seed, width, height, kind, gap), new_width, new_height, backend)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shrink", [2, 3, 5, 7, 8, 13, 27, 40])
@pytest.mark.parametrize("axis", ["width", "height", "both"])
def test_shrinking_far(kernel: str, shrink: int, axis: str) -> None:
    width, height = (67 * shrink if axis != "height" else 67), (37 * shrink if axis != "width" else 37)
    pixels = image(shrink, width, height, "extremes")
    for backend in BACKENDS:
        both(kernel, _core.resize, pixels, 67, 37, backend)
        both(kernel, _core.resize, pixels, 66, 38, backend)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=200)
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
def test_native_patches(
    kernel: str,
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
    factor = patch * merge
    pixels, size = image(seed, width, height), (columns * factor, rows * factor)
    both(kernel, _core.resize_patchify_native, pixels, *size, backend, patch, merge, window * factor)
    both(kernel, _core.patchify_native, image(seed, *size), patch, merge, window * factor)
    both(
        kernel,
        _core.resize_patchify_reference,
        pixels,
        *size,
        backend,
        patch,
        merge,
        2,
        [0.5, 0.4, 0.3],
        [0.2, 0.3, 0.1],
    )


@settings(max_examples=80)
@given(
    width=SIDE,
    height=SIDE,
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    patch=st.sampled_from([3, 14, 16]),
    backend=st.sampled_from(BACKENDS),
)
def test_patches_are_resize_and_then_patchify(
    width: int, height: int, rows: int, columns: int, patch: int, backend: str
) -> None:
    pixels, size = image(1, width, height), (columns * 2 * patch, rows * 2 * patch)
    resized = _core.resize(pixels, *size, backend)
    in_two = _core.patchify_native(resized, patch, 2, 8 * patch)
    assert np.array_equal(_core.resize_patchify_native(pixels, *size, backend, patch, 2, 8 * patch), in_two)
    normal = ([0.5, 0.4, 0.3], [0.2, 0.3, 0.1])
    as_reference = _core.patchify_reference(resized, patch, 2, 2, *normal, backend=backend)
    fused = _core.resize_patchify_reference(pixels, *size, backend, patch, 2, 2, *normal)
    assert np.array_equal(fused, as_reference)


@pytest.mark.parametrize("kernel", _core.kernels())
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (640, 480)])
def test_other_formats_are_read_where_they_lie(kernel: str, size: tuple[int, int]) -> None:
    width, height = size
    rgba = np.random.RandomState(0).randint(0, 256, (height, width + 3, 4), dtype=np.uint8)[:, :width]
    cases = {
        "rgba": (rgba, rgba[..., :3]),
        "bgra": (rgba, rgba[..., 2::-1]),
        "grey": (rgba[..., 0].copy(), rgba[..., :1].repeat(3, axis=2)),
    }
    for name, (pixels, as_rgb) in cases.items():
        for new_size in ((56, 28), (28, 112)):
            with use_kernel(kernel):
                made = _core.resize_patchify_native(pixels, *new_size, "pillow13", 14, 2, 112, name)
            expected = _core.resize_patchify_native(np.ascontiguousarray(as_rgb), *new_size, "pillow13", 14, 2, 112)
            assert np.array_equal(made, expected), name


def test_formats_are_refused() -> None:
    for pixels, name, message in (
        (np.zeros((28, 28, 3), np.uint8), "bgra", r"\[height, width, 4\]; got uint8 \(28, 28, 3\)"),
        (np.zeros((28, 28, 1), np.uint8), "grey", r"\[height, width\]; got uint8 \(28, 28, 1\)"),
        (np.zeros((28, 28, 3), np.uint8), "rgbx", "pixel_format: expected 'rgb', 'rgba', 'bgra' or 'grey'; got 'rgbx'"),
    ):
        with pytest.raises(InputError, match=message):
            _core.resize_patchify_native(pixels, 28, 28, "pillow13", 14, 2, 112, name)


# -- choosing one -----------------------------------------------------------------------------------------------------

SCRIPT = """
import numpy as np
from mlx_saccade import _core
_core.resize(np.zeros((9, 9, 3), np.uint8), 4, 4, "pillow13")
print(_core.kernel(), _core.last_kernel())
"""


def child(kernel: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SACCADE_KERNEL": kernel}
    return subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kernel", _core.kernels())
def test_the_environment_forces_each(kernel: str) -> None:
    assert child(kernel).stdout.split() == [kernel, kernel]


def test_without_it_the_best_runs() -> None:
    assert child("").stdout.split() == [_core.kernels()[0]] * 2
    assert _core.kernels()[-1] == "scalar"


def test_an_unknown_kernel_is_an_error_that_names_those_there_are() -> None:
    done = child("sse9")
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    expected = f"SACCADE_KERNEL: expected a kernel of this build and CPU ({LISTED}); got 'sse9'"
    assert message == f"mlx_saccade.errors.InputError: {expected}"
    with pytest.raises(InputError, match=rf"^kernel: expected .*\({LISTED}\); got 'sse9'"):
        _core.select_kernel("sse9")
    message = child(os.fsdecode(b"a\nb\xff")).stderr.splitlines()[-1]
    assert message.startswith("mlx_saccade.errors.InputError: SACCADE_KERNEL: expected a kernel")
    assert message.endswith(r"; got 'a\x0ab\xff'")
