"""The checks of exactness that `bench send-in` runs: they pass here, and fail where bytes differ."""

from __future__ import annotations

import numpy as np
import pytest

from mlx_saccade import _core
from mlx_saccade.bench import exactness
from mlx_saccade.preprocess import patchify

FEW = (exactness.CASES[2], exactness.CASES[3])


@pytest.fixture(autouse=True)
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exactness, "CASES", FEW)
    monkeypatch.setattr(exactness, "DIGESTS", exactness.DIGESTS[2:4])
    monkeypatch.setattr(exactness, "TORCHVISION_DIGESTS", exactness.TORCHVISION_DIGESTS[2:4])


def test_every_kernel_passes() -> None:
    checks = exactness.check_all()
    assert {check.kernel for check in checks} == set(_core.kernels())
    assert len(checks) == 4 * len(_core.kernels())
    assert all(check.passed for check in checks), checks


def test_a_wrong_byte_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    original = patchify.patchify

    def wrong(*words: object, **options: object) -> object:
        patches = np.array(original(*words, **options))
        if _core.kernel() != "scalar":
            patches.flat[5] += 1
        return patches

    monkeypatch.setattr(patchify, "patchify", wrong)
    failed = [check for check in exactness.check_all() if not check.passed]
    assert {check.kernel for check in failed} == set(_core.kernels()) - {"scalar"}
    assert all("641x479 at 64 tokens" in check.detail for check in failed)
