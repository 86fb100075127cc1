"""What NumPy computes in MLX's memory, beside MLX's own operations, on generated input."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlx_saccade.models import cpu_ops, layers
from mlx_saccade.preprocess import tower_memory

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 40)


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(seed).standard_normal(shape).astype(np.float32)


def close(found: np.ndarray, wanted: object, tolerance: float = 1e-5) -> bool:
    wanted = np.asarray(wanted)
    return found.shape == wanted.shape and bool(
        np.abs(found - wanted).max() <= tolerance * max(1, np.abs(wanted).max())
    )


@given(SEEDS, SIZES, SIZES, SIZES, st.lists(st.integers(1, 3), max_size=2), st.booleans(), st.booleans())
def test_products_of_any_order(
    seed: int, m: int, k: int, n: int, leading: list[int], turn_a: bool, turn_b: bool
) -> None:
    a = normal(seed, *leading, k, m).swapaxes(-1, -2) if turn_a else normal(seed, *leading, m, 2 * k)[..., :k]
    b = normal(seed + 1 & 0xFFFFFFFF, *leading, n, k).swapaxes(-1, -2) if turn_b else normal(seed, *leading, k, n)
    out = np.full((*leading, m, 2 * n), np.nan, np.float32)
    cpu_ops.multiply(a, b, out[..., :n], 0.5)
    assert close(out[..., :n], 0.5 * (a @ b))
    assert np.isnan(out[..., n:]).all()


@given(SEEDS, st.integers(1, 5), st.integers(1, 90), st.integers(1, 4), st.sampled_from([4, 20, 80]))
@settings(max_examples=40)
def test_attention_in_segments(seed: int, segments: int, length: int, heads: int, width: int) -> None:
    q, k, v = normal(seed, 3, segments, length, heads, width) * 2
    wanted = mx.fast.scaled_dot_product_attention(
        *(mx.array(array).swapaxes(1, 2) for array in (q, k, v)), scale=0.3
    ).swapaxes(1, 2)
    for bound, cached in (
        (tower_memory.CPU_SCORE_BYTES, cpu_ops._CACHED),
        (4 * 7 * length, 2),
        (4, length * length * heads),
    ):
        out = np.empty_like(q)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tower_memory, "CPU_SCORE_BYTES", bound)
            patch.setattr(cpu_ops, "_CACHED", cached)
            cpu_ops.attend(q, k, v, out, 0.3, np.empty(cpu_ops.score_values(segments, length, heads), np.float32))
        assert close(out, wanted)


@given(SEEDS, st.integers(1, 60), st.integers(0, 60), st.sampled_from([(1, 1), (4, 2), (6, 2)]), st.integers(0, 9))
@settings(max_examples=40)
def test_causal_attention(seed: int, length: int, before: int, heads: tuple[int, int], padding: int) -> None:
    total = before + length
    q, k, v = normal(seed, heads[0], length, 16), normal(seed, heads[1], total, 16), normal(seed, heads[1], total, 16)
    places = np.arange(total)
    seen = (places <= np.arange(before, total)[:, None]) & ((places >= padding) | (places == places[before:, None]))
    for mask, given_mask in (("causal", None), (mx.array(seen), seen)):
        wanted = mx.fast.scaled_dot_product_attention(
            *(mx.array(array)[None] for array in (q, k, v)), scale=0.25, mask=mask
        )[0].swapaxes(0, 1)
        for bound in (tower_memory.CPU_SCORE_BYTES, 4 * 7 * total):
            out = np.empty((length, heads[0], 16), np.float32)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(tower_memory, "CPU_SCORE_BYTES", bound)
                cpu_ops.attend_causally(
                    q, k, v, out, 0.25, np.empty(cpu_ops.queries(total) * total, np.float32), given_mask
                )
            assert close(out, wanted)


@pytest.mark.parametrize("scale", [1, 60])
def test_gates(scale: float) -> None:
    gate, up = normal(1, 300, 344) * np.float32(scale), normal(2, 300, 344)
    assert gate.size > cpu_ops.FEW
    wanted = np.array(nn.silu(mx.array(gate)) * mx.array(up))
    assert close(np.asarray(layers.swiglu(mx.array(gate), mx.array(up))), wanted)
    wanted = np.array(nn.gelu_fast_approx(mx.array(gate)))
    assert close(np.asarray(layers.quick_gelu(mx.array(gate))), wanted)


def test_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    x, coordinates = normal(3, 900, 3, 2, 16), mx.array(np.random.RandomState(4).randint(0, 60, (900, 2)))
    cos, sin = layers.rotary_2d(coordinates, 16, 10000.0)
    found = np.array(layers.rotate_beginning(mx.array(x), 2, cos, sin))
    swapped = np.array(layers.rotate(mx.array(x)[:, 0], cos, sin))
    monkeypatch.setattr(cpu_ops, "applies", lambda *arrays: False)
    assert close(found, layers.rotate_beginning(mx.array(x), 2, cos, sin))
    assert close(swapped, layers.rotate(mx.array(x)[:, 0], cos, sin))
    assert (found[:, 2] == x[:, 2]).all()
