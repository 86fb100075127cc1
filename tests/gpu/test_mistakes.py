"""Mistakes in the text of the GPU kernels: the C++ form has to notice each, by its checks or by other bits."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gpu_comparisons import COMPARISONS
from gpu_runners import COMPILER, ROOT, CppRunner, StandIn, TextError, compile_cpp

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(COMPILER is None, reason="no C++ compiler on the path")]

RESIZE, WINDOWS, POSITIONS = "resize_patchify", "window_index", "vision_positions"
BARRIER = "        BARRIER;\n"
OTHER_BITS = ""  # no check of the prelude, but a result that differs from the core's
# File, text, its replacement, how many of its places are kept, what compares, what is said.
MISTAKES = {
    "the barrier after the first pass left out": (RESIZE, BARRIER, "", 0, "resizes", "read (before|without)"),
    "the barrier after the second pass left out": (RESIZE, BARRIER, "", 1, "resizes", "without a barrier"),
    "a barrier for half of a group": (
        *(RESIZE, BARRIER, "        if (in_group < 128) BARRIER;\n", 1),
        *("resizes", "128 of 256 threads wait|without a barrier"),
    ),
    "shared memory a row too small": (RESIZE, "SHARED_BYTES 3072", "SHARED_BYTES 2976", 0, "resizes", "below 2976"),
    "sums without the half": (RESIZE, "1u << (plans[plan + PLAN_BITS_A] - 1)", "0", 0, "resizes", OTHER_BITS),
    "bytes not clamped": (RESIZE, "value < 0 ? 0 : value", "value", 0, "resizes", OTHER_BITS),
    "a weight of 16 bits": (RESIZE, "(uint)weights[i];", "(uint)(short)weights[i];", 0, "resizes", OTHER_BITS),
    "one order of the passes": (RESIZE, "a_is_x ? x : y", "x", 0, "resizes", "output"),
    "strips that overlap": (RESIZE, "start += STRIP", "start += STRIP - 1", 0, "resizes", OTHER_BITS),
    "patches of the first image only": (
        *(RESIZE, "plans[plan + PLAN_FIRST_PATCH] + token", "token", 0),
        *("batches", "expected one value; got two"),
    ),
    "narrow windows as wide ones": (
        "windows",
        "smaller(side, columns - left)",
        "side",
        0,
        "orders of tokens",
        "output",
    ),
    "the first boundary left out": (WINDOWS, "if (token == 0)", "if (0)", 0, "orders of tokens", "got none"),
    "one thread too many": (WINDOWS, "token < end_of", "token <= end_of", 0, "orders of tokens", "input|output"),
    "columns before rows": (POSITIONS, "[2 * patch] =", "[2 * patch + 1] =", 0, "positions", "got two"),
    "the image before": ("integers", "<= value", "< value", 0, "batches", "input|output"),
}


def edited(text: str, old: str, new: str, kept: int) -> str:
    """Return a text with all places of `old` replaced but the first `kept` ones."""
    before, *after = text.split(old)
    assert len(after) > kept, f"{old!r} is not there"
    return old.join([before, *after[:kept]]) + new + new.join(after[kept:])


@contextmanager
def runner_of(folder: Path, file: str, old: str, new: str, kept: int) -> Iterator[CppRunner]:
    """Yield a runner of the kernels with an edited file."""
    for name in ("gpu", "tests/gpu"):
        shutil.copytree(ROOT / "cpp" / name, folder / name)
    path = folder / "gpu" / f"{file}.inl"
    path.write_text(edited(path.read_text(encoding="utf-8"), old, new, kept), encoding="utf-8")
    runner = CppRunner(compile_cpp(folder, sources=folder, flags=("-O0", "-w")))
    try:
        yield runner
    finally:
        runner.close()


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_noticed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, old, new, kept, comparison, words = MISTAKES[name]
    with runner_of(tmp_path, file, old, new, kept) as runner:
        StandIn(runner).install(monkeypatch)
        expected = TextError if words else AssertionError
        with pytest.raises(expected, match=words or None):
            COMPARISONS[comparison](25, shrink=False)()
