"""Attention in pieces: the same numbers, and memory that grows with the patches, not with their square."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import checkpoints
import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade import models
from mlx_saccade.models import attention, cpu_ops
from mlx_saccade.models.attention import is_fused, pieces
from mlx_saccade.models.execution import EvalBudget, Run, Segments
from mlx_saccade.preprocess import tower_memory

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from cases import CASES  # noqa: E402


def peak(visual: models.qwen2_5_vl.VisionModel, rows: int, columns: int) -> int:
    """Bytes that the tower takes at most beyond what is there already."""
    patches = mx.array(np.random.RandomState(0).randint(0, 256, (rows * columns, 588)).astype(np.uint8))
    mx.eval(patches)
    mx.clear_cache()
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    mx.eval(visual(patches, [(1, rows, columns)]))
    return int(mx.get_peak_memory() - before)


def test_the_peak_grows_with_the_patches_and_not_with_their_square() -> None:
    model = saccade.load().model
    heads = model.config.vision.num_heads
    small, large = peak(model.visual, 32, 32), peak(model.visual, 64, 64)
    assert small > 0
    assert large < 5 * small
    assert large < heads * 4096 * 4096 * 4 / 2, "all scores existed at once"


def test_a_smaller_bound_is_a_smaller_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_ops, "applies", lambda *which: False)
    visual = saccade.load().model.visual
    wide = peak(visual, 40, 40)
    monkeypatch.setattr(attention, "is_fused", lambda *which: False)
    monkeypatch.setattr(tower_memory, "SCORE_BYTES", 2**20)
    assert peak(visual, 40, 40) < wide - 20 * 2**20


def test_many_images_share_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "is_fused", lambda *which: False)
    q, k, v = (mx.random.normal((8 * 1024, 8, 8)) for _ in range(3))
    mx.eval(q, k, v)
    runs = tuple(Run(start * 1024, 1, 1024 - 4 * (start % 2)) for start in range(8))  # 32 MB of scores each
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    mx.eval(attention.attend_in_mlx(q, k, v, Segments(runs, (0,) * 8), 1.0, EvalBudget(10**9, 1, 1)))
    assert mx.get_peak_memory() - before < tower_memory.SCORE_BYTES + 40 * 2**20


@pytest.mark.parametrize("case", [case for case in CASES if case.images], ids=lambda case: case.name.replace(" ", "-"))
def test_pieces_equal_the_reference(case: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_ops, "applies", lambda *which: False)
    monkeypatch.setattr(attention, "is_fused", lambda *which: False)
    monkeypatch.setattr(tower_memory, "SCORE_BYTES", 4 * 2 * 64 * 70)  # 70 queries of a window, 13 of an image
    with np.load(GOLDEN / "model_random.npz") as golden:
        wanted = golden[f"{case.name}/features"]
    inputs = case.inputs()
    found = models.load(checkpoints.write(tmp_path)).image_features(inputs["pixel_values"], case.images)
    assert np.abs(np.asarray(found) - wanted).max() <= 1e-4


@given(st.integers(1, 40), st.integers(1, 700), st.integers(1, 16), st.integers(1, 2**20))
def test_pieces_hold_every_query_once_and_stay_within_the_bound(count: int, length: int, heads: int, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tower_memory, "SCORE_BYTES", most)
        found = list(pieces(Run(8, count, length), heads))
    queries = []
    for piece in found:
        assert heads * piece.count * (piece.last - piece.first) * length * 4 <= max(most, heads * length * 4)
        for number in range(piece.count):
            start = 8 + (piece.segment + number) * length
            queries.append((start + piece.first, start + piece.last))
    assert queries[0][0] == 8
    assert queries[-1][1] == 8 + count * length
    assert all(before[1] == after[0] for before, after in itertools.pairwise(queries))


def test_the_chunk_of_the_largest_plan() -> None:
    assert tower_memory.query_chunk(65536, 16) == 16
    assert tower_memory.query_chunk(4888, 16) == 214
    assert tower_memory.query_chunk(64, 16) == 64
    assert tower_memory.query_chunk(64, 16, segments=1024) == 256 * 64
    assert tower_memory.query_chunk(10**9, 16) == 1
    tower = tower_memory.towers()[0]
    memory = tower_memory.predict_memory(tower, 65536, query_chunk=tower_memory.query_chunk(65536, tower.heads))
    assert memory.scores == tower_memory.SCORE_BYTES


@pytest.mark.parametrize(
    ("backend", "head_dim", "dtype", "fused"),
    [
        ("cpu", 80, mx.float32, False),
        ("metal", 80, mx.float32, True),
        ("metal", 80, mx.bfloat16, True),
        ("metal", 32, mx.float32, False),
        ("cuda", 80, mx.bfloat16, True),
        ("cuda", 80, mx.float32, False),
        ("cuda", 84, mx.float16, False),
    ],
)
def test_where_a_kernel_is_fused(backend: str, head_dim: int, dtype: mx.Dtype, fused: bool) -> None:
    assert is_fused(backend, head_dim, dtype) is fused


@pytest.mark.parametrize("bits", [4, 8])
def test_parameters_are_counted_unpacked(tmp_path: Path, bits: int) -> None:
    plain = checkpoints.write_whole(tmp_path / "float")
    saccade.convert(plain, tmp_path / "packed", bits=bits, group_size=32)
    expected = models.memory.parameter_count(models.load(plain))
    assert expected > 10_000
    assert models.memory.parameter_count(models.load(tmp_path / "packed")) == expected
