"""Time a call on the engines' thread beside a direct one: what every method and every chunk of a stream pays.

    python -m pytest benchmarks/test_owner_thread.py

The target is well below a millisecond.
"""

from __future__ import annotations

import pytest

from mlx_saccade.engine import owner


@pytest.mark.parametrize("name", ["direct", "on the engines' thread"])
def test_call(benchmark, name: str) -> None:
    benchmark.group = "call"
    call = int if name == "direct" else lambda: owner.call(int)
    assert benchmark.pedantic(call, rounds=2000, warmup_rounds=100) == 0
