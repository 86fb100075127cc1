"""The compiled module as such: versions, how errors arrive, and that it works while others hold the interpreter."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import _core
from mlx_saccade.errors import InputError

HEADER = Path(__file__).parents[2] / "cpp" / "include" / "saccade.h"


def defined(name: str) -> str:
    found = re.search(rf"#define {name} (.+?)\s*(/\*.*)?$", HEADER.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, f"{name} is not in {HEADER.name}"
    return found[1]


def test_version_is_the_headers() -> None:
    assert f'"{_core.version()}"' == defined("SACCADE_VERSION")
    assert saccade.__version__ == _core.version()
    assert str(_core.abi_version()) == defined("SACCADE_ABI_VERSION")


def test_kernel_is_named() -> None:
    assert _core.kernel() in _core.kernels()


def test_errors_are_one_line_value_errors() -> None:
    with pytest.raises(ValueError, match="height: expected 1 to 67108864; got 0") as caught:
        _core.smart_resize(0, 1, 28, 1, 1)
    assert type(caught.value) is InputError
    assert "\n" not in str(caught.value)


def test_a_message_is_data_not_a_format() -> None:
    with pytest.raises(InputError, match=re.escape("got '%s%n{}'")):
        _core.resize(np.zeros((1, 1, 3), np.uint8), 1, 1, "%s%n{}")


def outputs() -> dict[str, np.ndarray]:
    pixels = np.zeros((56, 56, 3), np.uint8)
    index, boundaries = _core.window_index([(1, 8, 12)], 2, 112, 14)
    return {
        "uint8 (28, 42, 3)": _core.resize(pixels, 42, 28, "pillow12"),
        "uint8 (16, 588)": _core.patchify_native(pixels, 14, 2, 112),
        "float32 (16, 1176)": _core.patchify_reference(pixels, 14, 2, 2, (0, 0, 0), (1, 1, 1)),
        "int32 (24,)": index,
        "int32 (3,)": boundaries,
        "int32 (96, 2)": _core.vision_positions([(1, 8, 12)], 2),
        "int32 (3, 5)": _core.mrope_positions(np.arange(5), [], [], [], 7, 8, 9, 2, 2)[0],
    }


def test_outputs_are_plain_arrays_in_whole_cache_lines() -> None:
    for described, array in outputs().items():
        assert type(array) is np.ndarray
        assert f"{array.dtype} {array.shape}" == described
        assert array.flags.c_contiguous and array.flags.aligned and array.flags.writeable
        assert array.ctypes.data % 64 == 0


def test_a_view_keeps_the_memory_and_nothing_else_does() -> None:
    whole = _core.vision_positions([(1, 256, 256)], 2)
    last, kept = whole[-1:], whole[-1:].copy()
    del whole
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(400):
        _core.vision_positions([(1, 256, 256)], 2)[:] = 0
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert np.array_equal(last, kept)
    in_kilobytes = 1024 if sys.platform == "darwin" else 1
    assert (after - before) / in_kilobytes < 100_000  # 400 of them are 205 MB


def test_numpy_is_loaded_with_the_first_array() -> None:
    program = (
        "import sys; from mlx_saccade import _core; assert 'numpy' not in sys.modules; "
        "print(_core.vision_positions([(1, 2, 2)], 2).tolist())"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[[0, 0], [0, 1], [1, 0], [1, 1]]\n"


def test_each_thread_has_its_own_message() -> None:
    wrong: list[str] = []

    def fail_often(side: int) -> None:
        for _ in range(500):
            with pytest.raises(InputError) as caught:
                _core.smart_resize(-side, 1, 28, 1, 1)
            if not str(caught.value).endswith(f"got -{side}"):
                wrong.append(str(caught.value))

    threads = [threading.Thread(target=fail_often, args=(side,)) for side in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def ticks_during_a_resize(source: np.ndarray) -> int:
    """Count how often this thread runs in the middle half of one call on another."""
    span: list[float] = []

    def work() -> None:
        span.append(time.perf_counter())
        _core.resize(source, 2000, 1500, "pillow12")  # one call: nothing in Python lets go in between
        span.append(time.perf_counter())

    worker = threading.Thread(target=work)
    worker.start()
    ticks = []
    while len(span) < 2:
        ticks.append(time.perf_counter())
    worker.join()
    start, end = span
    margin = (end - start) / 4
    return sum(start + margin < tick < end - margin for tick in ticks)


def test_the_interpreter_is_released_while_pixels_are_resized() -> None:
    # A call takes milliseconds, and other processes may have the core for all of them; a lock held would give 0 always.
    source = np.zeros((3000, 4000, 3), np.uint8)
    assert any(ticks_during_a_resize(source) > 10 for _ in range(100))


def test_too_much_memory_is_a_memory_error() -> None:
    with pytest.raises(MemoryError, match="67108864 x 67108864 x 3 elements of 1 bytes"):
        _core.resize(np.zeros((1, 1, 3), np.uint8), 2**26, 2**26, "pillow13")
