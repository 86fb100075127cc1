"""The families and what is known of their checkpoints."""

from __future__ import annotations

import pytest

from mlx_saccade import families
from mlx_saccade.errors import InputError


@pytest.mark.parametrize(
    ("name", "factor", "tokens", "window", "convention"),
    [
        ("qwen2-vl", 28, (4, 16384), None, "thousandths"),
        ("qwen2.5-vl", 28, (4, 16384), 112, "absolute"),
        ("qwen3-vl", 32, (64, 16384), None, "thousandths"),
        ("gemma-4", 48, (1, 1120), None, "thousandths"),
    ],
)
def test_families(name: str, factor: int, tokens: tuple[int, int], window: int | None, convention: str) -> None:
    family = families.get(name)
    assert family.name == name
    assert family.factor == factor
    assert (family.min_tokens, family.max_tokens) == tokens
    assert family.window_size == window
    assert family.convention == convention
    assert families.get(family) is family


def test_names_and_the_unknown() -> None:
    assert families.names() == ("qwen2-vl", "qwen2.5-vl", "qwen3-vl", "gemma-4")
    for wrong in ("qwen2.5", "Qwen2.5-VL", "", None, 3, ["qwen2-vl"]):
        with pytest.raises(InputError, match=r"unknown family .*; known: qwen2-vl, qwen2\.5-vl, qwen3-vl, gemma-4"):
            families.get(wrong)


def test_only_gemma_has_budgets_and_an_order_of_its_own() -> None:
    for name in families.names():
        family = families.get(name)
        assert bool(family.budgets) == family.y_first == (name == "gemma-4")
        assert family.default_budget in (*family.budgets, None)
