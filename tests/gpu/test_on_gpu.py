"""The GPU kernels on MLX's GPU, bit for bit against the core, where there is one."""

from __future__ import annotations

import warnings

import pytest
from gpu_comparisons import COMPARISONS

from mlx_saccade.gpu import choice

pytestmark = pytest.mark.skipif(choice.dialect() is None, reason="MLX has no GPU here")


@pytest.mark.parametrize("name", COMPARISONS)
def test_gpu_equals_the_core(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a kernel that MLX cannot run is a warning
        COMPARISONS[name](100)()
