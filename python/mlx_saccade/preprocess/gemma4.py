"""Compute the size of an image for Gemma 4, as transformers 5.24.0 does (image_processing_pil_gemma4.py).

    target = budget x 48 x 48 pixels, each side x sqrt(target / (height x width)), floored to a multiple of 48

A smaller image is enlarged to the target. There is no limit on the ratio of the sides.
"""

from __future__ import annotations

import math
from typing import Any

from mlx_saccade import validation
from mlx_saccade.errors import InputError, brief
from mlx_saccade.families import Family

__all__ = ["read_budget", "resized_size"]


def read_budget(family: Family, budget: Any) -> int:
    """Return a budget in tokens, the family's default for None.

    Args:
        family: family whose `budgets` are the only ones.
        budget: one of them, as int or digits, or None.

    Raises:
        InputError: it is none of them.
    """
    number = family.default_budget if budget is None else validation.integer(budget)
    if isinstance(budget, str) and budget.isascii() and budget.isdigit() and len(budget) < 10:
        number = int(budget)
    if number is None or number not in family.budgets:
        known = ", ".join(map(str, family.budgets))
        raise InputError(f"budget: expected one of {known} tokens for {family.name}; got {brief(budget)}")
    return number


def resized_size(size: tuple[int, int], family: Family, budget: int) -> tuple[int, int]:
    """Return the resized (width, height) in pixels, multiples of the family's factor.

    A side that would be 0 becomes one token, and the other the ratio of the sides in whole tokens, at most the budget.

    Args:
        size: (width, height) of the image in pixels.
        family: geometry.
        budget: maximum tokens.
    """
    width, height = size
    factor = family.factor
    scale = math.sqrt(budget * factor**2 / (height * width))
    columns, rows = (math.floor(scale * side / factor) for side in size)
    if rows == 0:
        columns, rows = min(math.floor(width / height), budget), 1
    elif columns == 0:
        columns, rows = 1, min(math.floor(height / width), budget)
    return columns * factor, rows * factor
