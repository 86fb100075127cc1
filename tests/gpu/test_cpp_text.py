"""The C++ form of the GPU kernels, bit for bit against the core, with every access checked and under sanitizers."""

from __future__ import annotations

import pytest
from gpu_comparisons import COMPARISONS
from gpu_runners import StandIn

EXAMPLES = 15
MORE_EXAMPLES = 150


@pytest.mark.parametrize("name", COMPARISONS)
def test_cpp_text_equals_the_core(gpu: StandIn, name: str) -> None:
    COMPARISONS[name](EXAMPLES)()
    assert gpu.launches


@pytest.mark.gpu
@pytest.mark.parametrize("name", COMPARISONS)
def test_cpp_text_equals_the_core_under_sanitizers(sanitized_gpu: StandIn, name: str) -> None:
    COMPARISONS[name](MORE_EXAMPLES)()
    assert sanitized_gpu.launches
