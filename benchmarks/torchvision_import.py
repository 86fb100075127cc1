"""Imports torchvision, also beside a torch that was built without CUDA.

PyPI's torchvision for Linux is built for PyPI's torch, which has CUDA. Beside a CPU-only torch its compiled operators
do not load, and its import fails where it registers shape functions for them. The resize of its transforms needs none
of them, so those registrations, and only those, are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["torchvision"]

_register = torch.library.register_fake


def _skipping(operator: Any, *words: Any, **named: Any) -> Any:
    if isinstance(operator, str) and operator.startswith("torchvision::"):
        unchanged: Callable[[Any], Any] = lambda function: function  # noqa: E731
        return unchanged
    return _register(operator, *words, **named)


if not torch.cuda.is_available():
    torch.library.register_fake = _skipping
try:
    import torchvision
finally:
    torch.library.register_fake = _register
