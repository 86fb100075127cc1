"""Run a part of a test with one kernel of the core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlx_saccade import _core


@contextmanager
def use_kernel(kernel: str) -> Iterator[None]:
    """Run the body with a kernel, and fail unless that kernel did its last work."""
    _core.select_kernel(kernel)
    try:
        yield
        assert _core.last_kernel() == kernel
    finally:
        _core.select_kernel(None)
