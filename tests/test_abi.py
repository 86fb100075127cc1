"""The compiled module as such: versions, how errors arrive, and that it works while others hold the interpreter."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import saccade
from saccade import _core
from saccade.errors import InputError

HEADER = Path(__file__).parent.parent / "cpp" / "include" / "saccade.h"


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
    with pytest.raises(ValueError, match="height is 0") as caught:
        _core.smart_resize(0, 1, 28, 1, 1)
    assert type(caught.value) is InputError
    assert "\n" not in str(caught.value)


def test_a_message_is_data_not_a_format() -> None:
    with pytest.raises(InputError, match=re.escape("pass_order is '%s%n{}'")):
        _core.resize(np.zeros((1, 1, 3), np.uint8), 1, 1, "%s%n{}")


def test_each_thread_has_its_own_message() -> None:
    wrong: list[str] = []

    def fail_often(side: int) -> None:
        for _ in range(500):
            with pytest.raises(InputError) as caught:
                _core.smart_resize(-side, 1, 28, 1, 1)
            if f"height is -{side};" not in str(caught.value):
                wrong.append(str(caught.value))

    threads = [threading.Thread(target=fail_often, args=(side,)) for side in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_interpreter_is_released_while_pixels_are_resized() -> None:
    source = np.zeros((3000, 4000, 3), np.uint8)
    span: list[float] = []

    def work() -> None:
        span.append(time.perf_counter())
        _core.resize(source, 2000, 1500, "horizontal")  # one call: nothing in Python lets go in between
        span.append(time.perf_counter())

    worker = threading.Thread(target=work)
    worker.start()
    ticks = []
    while len(span) < 2:
        ticks.append(time.perf_counter())
    worker.join()
    start, end = span
    margin = (end - start) / 4
    assert sum(start + margin < tick < end - margin for tick in ticks) > 10


def test_too_much_memory_is_a_memory_error() -> None:
    with pytest.raises(MemoryError, match="67108864 x 67108864 x 3 elements of 1 bytes"):
        _core.resize(np.zeros((1, 1, 3), np.uint8), 2**26, 2**26, "pillow13")
