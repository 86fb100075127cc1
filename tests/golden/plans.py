"""Writes plans of Qwen's families within budgets of tokens, for the tests of the plan in C.

    python tests/golden/plans.py

Rows of plans.json: family (0 qwen2-vl, 1 qwen2.5-vl, 2 qwen3-vl), width, height, min_tokens, max_tokens (0: none),
resized width and height, windows, min_pixels, max_pixels, and 1 for a refused plan, whose results are then 0.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import mlx_saccade as saccade
from mlx_saccade.errors import InputError

HERE = Path(__file__).resolve().parent
FAMILIES = ("qwen2-vl", "qwen2.5-vl", "qwen3-vl")
COUNT = 1500


def row(family: int, width: int, height: int, low: int, high: int) -> list[int]:
    """Return the row of one plan."""
    arguments = [family, width, height, low, high]
    try:
        plan = saccade.plan((width, height), family=FAMILIES[family], budget=high or None, min_tokens=low or None)
    except InputError:
        return [*arguments, 0, 0, 0, 0, 0, 1]
    return [*arguments, *plan.resized_size, plan.windows, plan.min_pixels, plan.max_pixels, 0]


def rows() -> list[list[int]]:
    """Return the rows of all cases: sides of any size, narrow images, budgets near the sizes."""
    pick = random.Random(5)
    made = []
    for number in range(COUNT):
        width, height = (int(2 ** pick.uniform(0, 13)) for _ in range(2))
        if number % 3 == 0:
            height = max(1, width // pick.randint(1, 200))
        high = pick.choice([0, 1, 4, 63, 64, 65, 1280, int(2 ** pick.uniform(0, 14))])
        low = pick.choice([0, 0, 0, 1, 4, int(2 ** pick.uniform(0, 10))])
        made.append(row(number % 7 % 3, width, height, low, high))
    return made


def main() -> None:
    """Write plans.json."""
    text = json.dumps({"rows": rows()}, separators=(",", ":")).replace("],[", "],\n[")
    (HERE / "plans.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
