"""Import torchvision, also beside a torch that was built without CUDA.

PyPI's torchvision for Linux is built for PyPI's torch, which has CUDA. Beside a CPU-only torch its compiled operators
do not load, and its import fails when it registers shape functions for them. The resize of its transforms does not use
them, so only those registrations are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["torchvision"]

_register = torch.library.register_fake


def _skip_torchvision(operator: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(operator, str) and operator.startswith("torchvision::"):
        unchanged: Callable[[Any], Any] = lambda function: function  # noqa: E731
        return unchanged
    return _register(operator, *args, **kwargs)


if not torch.cuda.is_available():
    torch.library.register_fake = _skip_torchvision
try:
    import torchvision
finally:
    torch.library.register_fake = _register
