"""Qwen3-VL's tower and positions, each beside a plain form; the golden sets compare the whole with transformers."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlx.utils import tree_flatten

import mlx_saccade
from mlx_saccade.errors import InputError
from mlx_saccade.models import attention, layers, qwen3_vl
from mlx_saccade.models.config import ConfigReader

GRIDS = [(1, 6, 10), (2, 4, 6), (1, 2, 2)]
SHAPE: dict[str, Any] = {
    "depth": 4,
    "hidden_size": 144,
    "num_heads": 2,
    "intermediate_size": 200,
    "out_hidden_size": 32,
    "num_position_embeddings": 36,
    "deepstack_visual_indexes": [1, 2],
}


def tower(**changes: Any) -> qwen3_vl.VisionModel:
    """Return a tower of random weights, with heads of 72 values."""
    mx.random.seed(3)
    model = qwen3_vl.VisionModel(qwen3_vl.read_vision(ConfigReader("config.json"), {**SHAPE, **changes}))
    weights = {}
    for name, value in tree_flatten(model.parameters()):
        scale = 0.3 if value.ndim == 1 else 1 / np.sqrt(np.prod(value.shape[1:]))
        weights[name] = mx.random.normal(value.shape) * scale + (1 if "norm" in name and "weight" in name else 0)
    model.load_weights(list(weights.items()))
    model.patch_embed.fold((0.5,) * 3, (0.5,) * 3)
    return model


def patches(grids: list[tuple[int, int, int]]) -> mx.array:
    count = sum(frames * rows * columns for frames, rows, columns in grids)
    return mx.random.normal((count, 1536), key=mx.random.key(1))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(2, 48))
def test_position_taps_equals_interpolation_axis_by_axis(rows: int, columns: int, side: int) -> None:
    table = np.random.RandomState(side).standard_normal((side, side))
    numbers, weights = qwen3_vl.position_taps([(1, 2 * rows, 2 * columns)], side, 2)
    resampled = (table.reshape(-1)[numbers] * weights).sum(axis=0)
    by_column = [np.interp(np.linspace(0, side - 1, 2 * columns), np.arange(side), line) for line in table]
    axes = np.array(by_column).T
    whole = np.array([np.interp(np.linspace(0, side - 1, 2 * rows), np.arange(side), line) for line in axes]).T
    in_blocks = whole.reshape(rows, 2, columns, 2).swapaxes(1, 2).reshape(-1)
    assert weights.dtype == np.float32 and np.abs(weights.sum(axis=0) - 1).max() < 1e-5
    assert np.abs(resampled - in_blocks).max() < 1e-4


def test_position_taps_of_frames_repeat() -> None:
    one, three = (qwen3_vl.position_taps([(frames, 4, 6)], 9, 2) for frames in (1, 3))
    for still, moving in zip(one, three, strict=True):
        assert (np.tile(still, 3) == moving).all()


def test_images_together_equal_images_apart() -> None:
    model, pixels = tower(), patches(GRIDS)
    together, start, apart = model(pixels, GRIDS), 0, []
    for frames, rows, columns in GRIDS:
        stop = start + frames * rows * columns
        apart.append(model(pixels[start:stop], [(frames, rows, columns)]))
        start = stop
    assert together.shape == (len(pixels) // 4, 3 * 32)
    assert np.abs(np.asarray(together) - np.asarray(mx.concatenate(apart))).max() < 2e-5


def test_rows_at_a_time_and_short_evaluations_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,200 patches are above the rows of one step: embedding, blocks and mergers go part by part."""
    grids = [(1, 50, 44)]
    model, pixels = tower(), patches(grids)
    calls: list[tuple[int, int]] = []
    features = model(pixels, grids, lambda done, tokens: calls.append((done, tokens)))
    assert calls[-1] == (550, 550) and [done for done, _ in calls] == sorted(done for done, _ in calls)
    for limit in (0, 3):
        model.patch_layers = limit
        assert (np.asarray(model(pixels, grids)) == np.asarray(features)).all()
    with monkeypatch.context() as patch:
        patch.setattr(qwen3_vl, "map_rows", lambda count, function, budget, *rest, **named: function(slice(0, count)))
        assert np.abs(np.asarray(model(pixels, grids)) - np.asarray(features)).max() < 2e-5


def test_split_takes_levels_in_the_order_of_blocks() -> None:
    """The mergers belong to the listed blocks, whatever their order in the config."""
    model, turned = tower(), tower(deepstack_visual_indexes=[2, 1])
    turned.deepstack_merger_list = model.deepstack_merger_list[::-1]
    levels, others = (one.split(one(patches(GRIDS), GRIDS))[1] for one in (model, turned))
    assert len(levels) == 2
    for own, other in zip(levels, others, strict=True):
        assert np.abs(np.asarray(own) - np.asarray(other)).max() == 0


def test_values_that_are_not_finite_are_traced_to_their_block() -> None:
    model = tower()
    model.blocks[2].mlp.linear_fc2.bias[5] = float("nan")
    with pytest.raises(InputError, match="block 2 of the vision tower: expected finite values"):
        model(patches(GRIDS), GRIDS)


@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16])
def test_padded_heads_change_nothing(monkeypatch: pytest.MonkeyPatch, dtype: mx.Dtype) -> None:
    """Metal's fused kernel takes heads of 80, not of 72."""
    assert attention.fused_width("metal", 72, dtype) == 80
    assert attention.fused_width("metal", 80, dtype) == 80
    assert attention.fused_width("metal", 130, dtype) is None
    assert attention.fused_width("metal", 16, dtype) is None
    assert attention.fused_width("cpu", 72, dtype) is None
    model = tower()
    model.set_dtype(dtype)
    plain = model(patches(GRIDS), GRIDS).astype(mx.float32)
    seen = []

    def as_on_metal(device: str, head_dim: int, precision: mx.Dtype) -> int | None:
        seen.append((head_dim, precision))
        return attention.fused_width("metal", head_dim, precision)

    with monkeypatch.context() as patch:
        patch.setattr(qwen3_vl, "fused_width", as_on_metal)
        padded = model(patches(GRIDS), GRIDS).astype(mx.float32)
    assert seen == [(72, dtype)] * 4
    assert np.abs(np.asarray(plain) - np.asarray(padded)).max() < (1e-5 if dtype == mx.float32 else 0.05)


def test_native_patches_equal_the_reference_layout() -> None:
    model = tower()
    pixels = np.random.RandomState(5).randint(0, 256, (96, 64, 3)).astype(np.uint8)
    plan = mlx_saccade.plan((64, 96), family="qwen3-vl", min_tokens=1)
    native, reference = (mx.array(mlx_saccade.patchify(pixels, plan, layout)) for layout in ("native", "reference"))
    assert native.shape == (24, 768) and native.dtype == mx.uint8
    one, other = model(native, [plan.grid_thw]), model(reference, [plan.grid_thw])
    assert np.abs(np.asarray(one) - np.asarray(other)).max() < 2e-5


@given(st.integers(0, 2**31), st.integers(1, 3000))
def test_gelu_in_place_equals_the_plain_form(seed: int, width: int) -> None:
    x = np.random.RandomState(seed).standard_normal((23, width)).astype(np.float32) * 8
    u = x.astype(np.float64)
    exact = u / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (u + 0.044715 * u**3)))
    assert np.abs(np.asarray(layers.gelu_tanh(mx.array(x))) - exact).max() < 4e-6


@given(st.integers(1, 40), st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)))
def test_mrope_interleaved_gives_each_frequency_its_axis(half: int, sections: tuple[int, int, int]) -> None:
    positions = mx.array(np.random.RandomState(half).randint(0, 900, (3, 2, 5)))
    cos, sin = layers.mrope_interleaved(positions, 2 * half, 5e6, sections)
    rates = np.asarray(layers.frequencies(2 * half, 5e6))
    for i in range(half):
        axis = i % 3 if i % 3 and i < 3 * sections[i % 3] else 0
        angles = np.asarray(positions)[axis].astype(np.float32) * rates[i]
        assert np.abs(np.asarray(cos)[:, 0, :, i] - np.cos(angles)).max() < 1e-5
        assert np.abs(np.asarray(sin)[:, 0, :, i] - np.sin(angles)).max() < 1e-5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"deepstack_visual_indexes": [1, 4]}, r"deepstack_visual_indexes: expected blocks in 0..3"),
        ({"deepstack_visual_indexes": [1, 1]}, r"deepstack_visual_indexes: expected a list of block numbers"),
        ({"deepstack_visual_indexes": "no"}, r"deepstack_visual_indexes: expected a list of block numbers"),
        ({"num_position_embeddings": 35}, r"num_position_embeddings: expected a square number"),
        ({"hidden_act": "gelu"}, r"hidden_act: expected 'gelu_pytorch_tanh'"),
        ({"window_norm": True}, r"unknown key 'window_norm'"),
    ],
)
def test_read_vision_other_arithmetic_raises(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        qwen3_vl.read_vision(ConfigReader("config.json"), {**SHAPE, **change})
