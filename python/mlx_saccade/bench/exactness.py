"""Checks that the core gives the same bytes on this machine as everywhere else, on every kernel that the CPU has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlx_saccade import _core
from mlx_saccade.bench import gpu_kernels
from mlx_saccade.bench.run import Check
from mlx_saccade.preprocess.plan import Plan
from mlx_saccade.preprocess.plan import plan as plan_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["check_all"]

CASES = ((1280, 720, 256), (3840, 2160, 1280), (641, 479, 64), (97, 331, 16), (64, 48, 256), (2000, 40, 1280))
"""Width, height and budget; the sizes are even and odd, enlarged and reduced, and a strip."""
DIGESTS = (
    "98dbe317c010eb1e",
    "a57d22582f0c9718",
    "8c2de2870dd52896",
    "cf4a563c92291bc2",
    "cc7ce3a75445f2a0",
    "a3d34cb27560e733",
)
"""SHA-256 of the patches of each case, as the scalar kernel gave them on x86-64 (first 16 digits)."""
TORCHVISION_DIGESTS = (
    "688c8a0895fb5b03",
    "18733911e8ec6102",
    "bfac1e551e5d1ec3",
    "b01aedeec1536e9d",
    "04bfb411f2b5677d",
    "18a18e31d9544d75",
)
"""The same of the pixel values of transformers 5.24.0 with torchvision 0.28.0, of its processor of Qwen2-VL."""


def check_all() -> list[Check]:
    """Compare patches with recorded digests on every kernel, resizes with the installed Pillow, GPU kernels with ours.

    The GPU kernels are checked where MLX has a GPU.
    """
    checks: list[Check] = []
    for kernel in _core.kernels():
        _core.select_kernel(kernel)
        try:
            checks += [_by_digest(kernel), _by_torchvision(kernel), _by_pillow(kernel), _reference(kernel)]
        finally:
            _core.select_kernel(None)
    on_gpu = gpu_kernels.check()
    return checks if on_gpu is None else [*checks, on_gpu]


def patches_of(case: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return the native patches of a case by the selected kernel."""
    from mlx_saccade.preprocess.patchify import patchify

    patches: NDArray[np.uint8] = patchify(pixels_of(case), plan_of(case))
    return patches


def pixels_of(case: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return seeded noise of a case's size: uint8 [height, width, 3]."""
    import numpy as np

    width, height, _ = case
    return np.random.RandomState(width).randint(0, 256, (height, width, 3), dtype=np.uint8)


def plan_of(case: tuple[int, int, int]) -> Plan:
    """Return the plan of a case."""
    return plan_image(case[:2], budget=case[2])


def digest(values: NDArray[Any]) -> str:
    """Return the first 16 digits of the SHA-256 of an array's bytes."""
    return hashlib.sha256(values.tobytes()).hexdigest()[:16]


def _by_digest(kernel: str) -> Check:
    """Compare resize and patchify with the recorded digests."""
    wrong = [case for case, expected in zip(CASES, DIGESTS, strict=True) if digest(patches_of(case)) != expected]
    return _check("patches against recorded digests", kernel, wrong)


def _by_torchvision(kernel: str) -> Check:
    """Compare the reference layout of backend "torchvision" with the recorded digests."""
    from mlx_saccade.preprocess.patchify import patchify

    wrong = [
        case
        for case, expected in zip(CASES, TORCHVISION_DIGESTS, strict=True)
        if digest(patchify(pixels_of(case), plan_of(case), "reference", backend="torchvision")) != expected
    ]
    return _check("patches against recorded digests of torchvision", kernel, wrong)


def _by_pillow(kernel: str) -> Check:
    """Compare resize alone with Pillow's."""
    import PIL

    newer = int(PIL.__version__.split(".")[0]) >= 13
    wrong = [case for case, own, other in _resized("pillow13" if newer else "horizontal") if own != other]
    return _check(f"resize against Pillow {PIL.__version__}", kernel, wrong)


def _resized(order: Any) -> Iterator[tuple[tuple[int, int, int], bytes, bytes]]:
    """Yield each case with its resized bytes by us and by Pillow."""
    from PIL import Image

    from mlx_saccade.preprocess.patchify import resize

    for case in CASES:
        pixels, size = pixels_of(case), plan_of(case).resized_size
        other = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
        yield case, resize(pixels, size, pass_order=order).tobytes(), other.tobytes()


def _reference(kernel: str) -> Check:
    """Compare the reference layout of every kernel with the scalar one's."""
    from mlx_saccade.preprocess.patchify import patchify

    wrong = []
    for case in CASES:
        own = digest(patchify(pixels_of(case), plan_of(case), "reference"))
        _core.select_kernel("scalar")
        plain = digest(patchify(pixels_of(case), plan_of(case), "reference"))
        _core.select_kernel(kernel)
        if own != plain:
            wrong.append(case)
    return _check("reference layout against the scalar kernel", kernel, wrong)


def _check(name: str, kernel: str, wrong: list[tuple[int, int, int]]) -> Check:
    places = ", ".join("{}x{} at {} tokens".format(*case) for case in wrong)
    return Check(name, kernel, not wrong, f"differs: {places}" if wrong else f"{len(CASES)} sizes")
