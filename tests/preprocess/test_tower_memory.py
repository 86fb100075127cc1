"""The memory predicted for the vision towers."""

from __future__ import annotations

import pytest

from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import tower_memory


def test_parameters_are_those_of_the_published_towers() -> None:
    """676,550,144 for the 7B as published; here the patch embedding has one frame and a bias of its own."""
    small, large = tower_memory.towers("qwen2.5-vl")
    folded = 3 * 14 * 14 * 1280 - 1280
    assert (large.name, large.parameters) == ("7b", 676_550_144 - folded)
    assert (small.name, small.parameters) == ("3b", 668_684_288 - folded)
    assert tower_memory.towers("qwen3-vl") == ()


def test_memory_is_linear_in_patches_with_fused_attention() -> None:
    tower = tower_memory.towers()[1]
    one, two = (tower_memory.predict_memory(tower, patches) for patches in (16000, 32000))
    assert one.weights == two.weights == tower.parameters * 2
    assert one.patches == 16000 * 588
    assert one.residual == 16000 * 1280 * 2
    assert one.activations == 16000 * (4 * 1280 * 2 + 80 * 4)
    assert one.scores == 0
    assert two.total - two.weights == 2 * (one.total - one.weights)
    assert (one.dtype, one.attention) == ("bfloat16", "fused")


def test_memory_of_chunked_attention_in_float32() -> None:
    tower = tower_memory.towers()[0]
    memory = tower_memory.predict_memory(tower, 4888, dtype="float32", query_chunk=512)
    assert memory.weights == tower.parameters * 4
    assert memory.scores == 16 * 512 * 4888 * 4
    assert memory.total == memory.weights + memory.patches + memory.residual + memory.activations + memory.scores
    assert tower_memory.predict_memory(tower, 3000, query_chunk=5000).scores == 16 * 3000 * 3000 * 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int8"}, "dtype: expected .*; got 'int8'"),
        ({"query_chunk": 0}, "query_chunk: expected at least 1.*; got 0"),
        ({"patches": 0}, "patches"),
    ],
)
def test_memory_of_nonsense(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tower_memory.predict_memory(tower_memory.towers()[0], **{"patches": 16, **options})
