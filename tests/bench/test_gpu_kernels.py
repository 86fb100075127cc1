"""The GPU kernels beside the core in `bench send-in`: other bytes and failures are said, sizes are those measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mlx_saccade.bench import exactness, gpu_kernels
from mlx_saccade.gpu import choice

WORK = gpu_kernels.Work


@pytest.fixture
def metal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "dialect", lambda: "metal")
    monkeypatch.setattr(choice, "failed_kernels", set())


def calls(monkeypatch: pytest.MonkeyPatch, *sizes: tuple[int, float, int]) -> None:
    """Make the works those of a kernel: size, seconds of the GPU (the core's are 1), and its byte (the core's is 0)."""

    def works() -> Iterator[WORK]:
        for size, _, byte in sizes:

            def run(device: str, byte: int = byte) -> Any:
                return np.full(3, byte * (device == "gpu"))

            yield WORK("window_index", size, f"{size} tokens", run)

    def by_turns(sides: dict[str, Any], rounds: int) -> dict[str, tuple[float, ...]]:
        for side in sides.values():
            side()
        return {"gpu": (next(seconds),) * rounds, "cpu": (1.0,) * rounds}

    seconds = iter([one for _, one, _ in sizes])
    monkeypatch.setattr(gpu_kernels, "works", works)
    monkeypatch.setattr(gpu_kernels, "by_turns", by_turns)


def test_without_a_gpu_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "dialect", lambda: None)
    assert gpu_kernels.check() is None


def test_equal_bytes_pass(monkeypatch: pytest.MonkeyPatch, metal: None) -> None:
    calls(monkeypatch, (16, 1.0, 0), (64, 1.0, 0))
    check = gpu_kernels.check()
    assert check is not None
    assert (check.kernel, check.passed, check.detail) == ("metal", True, "2 sizes")


def test_other_bytes_are_named_among_all_checks(monkeypatch: pytest.MonkeyPatch, metal: None) -> None:
    monkeypatch.setattr(exactness, "CASES", ())
    monkeypatch.setattr(exactness, "DIGESTS", ())
    monkeypatch.setattr(exactness, "TORCHVISION_DIGESTS", ())
    calls(monkeypatch, (16, 1.0, 0), (64, 1.0, 7))
    check = exactness.check_all()[-1]
    assert (check.passed, check.detail) == (False, "differs: window_index at 64 tokens")


def test_kernel_that_mlx_could_not_run_has_not_passed(monkeypatch: pytest.MonkeyPatch, metal: None) -> None:
    calls(monkeypatch, (16, 1.0, 0))
    choice.failed_kernels.add("window_index")
    check = gpu_kernels.check()
    assert check is not None
    assert (check.passed, check.detail) == (False, "MLX could not run window_index")


@pytest.mark.parametrize(
    ("seconds", "size"),
    [((2.0, 0.5, 0.5), 64), ((0.5, 0.5, 0.5), 16), ((0.5, 2.0, 0.5), 256), ((0.5, 0.5, 2.0), 0), ((0.95,) * 3, 0)],
)
def test_first_faster_size_is_that_from_which_on_the_gpu_always_wins(
    monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, float, float], size: int
) -> None:
    calls(monkeypatch, *((tokens, one, 0) for tokens, one in zip((16, 64, 256), seconds, strict=True)))
    assert gpu_kernels.first_faster_sizes(3) == {"window_index": size}


def test_works_cover_all_kernels_and_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_kernels, "SCREENS", ((64, 56), (97, 64)))
    monkeypatch.setattr(gpu_kernels, "TOKENS", (2, 5))
    sizes: dict[str, list[int]] = {}
    for work in gpu_kernels.works():
        assert work.run("cpu").size
        sizes.setdefault(work.kernel, []).append(work.size)
    assert sizes == {
        "resize_patchify": [64 * 56, 97 * 64], "window_index": [4, 25], "vision_positions": [16, 100]
    }  # fmt: skip
