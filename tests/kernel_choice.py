"""Runs a test's body with one kernel of the core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlx_saccade import _core


@contextmanager
def using(kernel: str) -> Iterator[None]:
    """Runs the body with a kernel, and fails unless that kernel did the last work in it."""
    _core.select_kernel(kernel)
    try:
        yield
        assert _core.last_kernel() == kernel
    finally:
        _core.select_kernel(None)
