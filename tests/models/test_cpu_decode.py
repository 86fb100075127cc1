"""Decoding: by NumPy on the CPU beside MLX's own operations, and tokens that are read before they are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade import models
from mlx_saccade.models import cpu_decode, cpu_ops, qwen2
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.generation import greedy

SEEDS = st.integers(0, 2**31)
PROMPTS = [[5, 6, 7, 8, 9, 10, 11], [20, 21], [30, 31, 32, 33], [40, 41, 42, 43, 44]]


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(seed).standard_normal(shape).astype(np.float32)


def close(found: Any, wanted: Any, tolerance: float = 1e-5) -> bool:
    found, wanted = np.asarray(found), np.asarray(wanted)
    most = tolerance * max(1, np.abs(wanted).max())
    return found.shape == wanted.shape and bool(np.abs(found - wanted).max() <= most)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> models.Model:
    return models.load(checkpoints.write(tmp_path_factory.mktemp("random")))


@pytest.fixture(params=["BLAS", "NumPy"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the library that MLX uses, and where there is none."""
    if request.param == "NumPy":
        monkeypatch.setattr(cpu_ops, "_sgemm", None)
        monkeypatch.setattr(cpu_ops, "_sgemv", None)


def without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_decode, "applies", lambda *which: False)


# -- products ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("either")
def test_products_taken_again() -> None:
    @given(SEEDS, st.integers(1, 5), st.integers(1, 300), st.integers(1, 300))
    def check(seed: int, rows: int, inner: int, count: int) -> None:
        x, weight, out = np.empty((rows, inner), np.float32), normal(seed, count, inner), normal(seed + 1, rows, count)
        take, before = cpu_ops.bind_gemv(x, weight, out), out.copy()
        x[:] = normal(seed + 2, rows, inner)
        take(1.0)
        assert close(out, before + x @ weight.T, 1e-4)
        x[:] = normal(seed + 3, rows, inner)
        out[:] = np.nan
        take(0.0)
        assert close(out, x @ weight.T, 1e-4)

    check()


@pytest.mark.usefixtures("either")
def test_products_of_heads() -> None:
    @given(SEEDS, st.sampled_from([(1, 1), (4, 2), (6, 2), (8, 1)]), st.integers(1, 300), st.integers(0, 9))
    def check(seed: int, heads: tuple[int, int], total: int, first: int) -> None:
        group, width = heads[0] // heads[1], 16
        q, buffers = normal(seed, heads[0], width), normal(seed + 1, 2, heads[1], total + first + 7, width)
        keys, values = buffers[:, :, first : first + total]
        scores, out = np.full((heads[0], total + first), np.nan, np.float32), np.empty_like(q)
        cpu_ops.by_keys(q, keys, scores[:, first:], 0.25)
        assert close(scores[:, first:], 0.25 * np.einsum("hd,hsd->hs", q, np.repeat(keys, group, axis=0)))
        assert np.isnan(scores[:, :first]).all()
        cpu_ops.by_values(scores[:, first:], values, out)
        assert close(out, np.einsum("hs,hsd->hd", scores[:, first:], np.repeat(values, group, axis=0)), 1e-4)

    check()


# -- a step ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_key_value_heads": 4, "tie_word_embeddings": True},
        {
            "num_attention_heads": 8,
            "num_key_value_heads": 1,
            "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
        },
        checkpoints.QWEN3_VL,
    ],
    ids=["pairs", "tied", "one-key-head", "normalized-heads"],
)
def test_a_step_equals_the_plain_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, changes: dict[str, Any]
) -> None:
    """Over the places where the buffers of keys and values grow, rows padded on the left."""
    monkeypatch.setattr(KVCache, "STEP", 5)
    raw = changes if "model_type" in changes else checkpoints.config(**changes)
    model = models.load(checkpoints.write(tmp_path, raw, checkpoints.weights(raw)))
    assert cpu_decode.applies(model.model, model.head)
    prompt = models.left_pad([model.prompt(ids) for ids in PROMPTS[:rows]])
    caches = [model.model.make_cache(prompt.padding) for _ in range(2)]
    for cache in caches:
        mx.eval(model.prefill(prompt, cache))
    step = cpu_decode.CpuDecoder(model.model, model.head, rows)
    for number in range(12):
        tokens = [100 + number + 7 * row for row in range(rows)]
        wanted = model.decode(tokens, prompt.deltas, caches[0])
        found = step(tokens, [caches[1][0].offset + delta for delta in prompt.deltas], caches[1])
        assert close(mx.stack(found), wanted, 1e-4)
    for one, other in zip(*caches, strict=True):
        assert one.offset == other.offset
        for wanted, found in zip(one.state, other.state, strict=True):
            for row, padding in enumerate(prompt.padding):
                assert close(found[row, :, padding : one.offset], wanted[row, :, padding : one.offset], 1e-4)


def test_the_weights_are_those_of_now(model: models.Model) -> None:
    first = model.generate(PROMPTS[0], 6)
    kept = model.lm_head.weight
    model.lm_head.weight = mx.roll(kept, 1, axis=0)
    assert model.generate(PROMPTS[0], 1) == [first[0] + 1]
    model.lm_head.weight = mx.array(np.asarray(kept).T.copy()).T  # the same, turned in memory
    assert model.generate(PROMPTS[0], 6) == first
    model.lm_head.weight = kept
    assert model.generate(PROMPTS[0], 6) == first


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_left_to_mlx(tmp_path: Path, dtype: str) -> None:
    model = models.load(checkpoints.write(tmp_path), compute_dtype=dtype)
    assert not cpu_decode.applies(model.model, model.head)


def test_applies_another_family_of_decoders_false(model: models.Model) -> None:
    """The steps know Qwen2's layers only: another decoder would be computed wrongly without an error."""

    class Other(nn.Module):  # with the same layers
        def __init__(self) -> None:
            super().__init__()
            self.embed_tokens, self.layers = model.model.embed_tokens, model.model.layers

    assert cpu_decode.applies(model.model, model.head) == (mx.default_device() == mx.cpu)
    assert not cpu_decode.applies(Other(), model.head)


def test_applies_layer_with_unknown_steps_false(model: models.Model) -> None:
    """A layer, or a part of one, may normalize each head as Qwen3 does: skipping that raises no error."""

    class NormedAttention(qwen2.Attention):
        pass

    class OtherLayer(qwen2.DecoderLayer):
        pass

    layer, on_cpu = model.model.layers[-1], mx.default_device() == mx.cpu
    for holder, name, other in (
        (layer.self_attn, "__class__", NormedAttention),
        (layer, "__class__", OtherLayer),
        (layer, "input_layernorm", nn.LayerNorm(128)),
        (layer, "mlp", nn.Sequential(layer.mlp.gate_proj, layer.mlp.up_proj, layer.mlp.down_proj)),
    ):
        own = getattr(holder, name)
        setattr(holder, name, other)
        assert not cpu_decode.applies(model.model, model.head)
        setattr(holder, name, own)
        assert cpu_decode.applies(model.model, model.head) == on_cpu


def test_applies_decoder_with_experts_false(tmp_path: Path) -> None:
    model = models.load(checkpoints.write(tmp_path, checkpoints.QWEN3_VL_MOE))
    assert not cpu_decode.applies(model.model, model.head)


def test_applies_head_with_another_norm_false(tmp_path: Path) -> None:
    model = models.load(checkpoints.write(tmp_path, checkpoints.QWEN3_VL))
    assert cpu_decode.applies(model.model, model.head) == (mx.default_device() == mx.cpu)
    model.model.layers[-1].self_attn.k_norm = nn.LayerNorm(48)
    assert not cpu_decode.applies(model.model, model.head)


# -- ways of going on --------------------------------------------------------------------------------------------------


def by_turns(logits: mx.array) -> int:
    """The likeliest token, by a function that nobody can know to be `greedy`."""
    return greedy(logits)


def said(model: models.Model, choose: Callable[[mx.array], int], ending: int | None, most: int) -> list[list[int]]:
    """What each of four rows says; the second is stopped after its third token by the caller."""
    prompt = models.left_pad([model.prompt(ids) for ids in PROMPTS])
    cache = model.model.make_cache(prompt.padding)
    made, done = [list[int]() for _ in PROMPTS], set[int]()
    logits = model.prefill(prompt, cache)
    for row, token in model.stream_rows(prompt, cache, logits, most, [choose] * len(PROMPTS), done):
        made[row].append(token)
        if len(made[1]) == 3:
            done.add(1)
        if token == ending:
            done.add(row)
    return made


@pytest.mark.parametrize("most", [1, 2, 9])
def test_all_ways_say_the_same(model: models.Model, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    ending = said(model, greedy, None, 9)[2][4]
    wanted = said(model, greedy, ending, most)
    assert [len(row) for row in wanted][1:3] == [min(3, most), min(5, most)]
    without_numpy(monkeypatch)
    assert said(model, greedy, ending, most) == wanted
    assert said(model, by_turns, ending, most) == wanted


def test_a_token_is_asked_for_before_the_one_before_it_is_used(
    model: models.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none after the last that may come."""
    without_numpy(monkeypatch)
    asked, right = [], models.Model.decode
    monkeypatch.setattr(models.Model, "decode", lambda self, *given: asked.append(1) or right(self, *given))
    prompt, cache = model.prompt(PROMPTS[0]), model.model.make_cache()
    counts = [len(asked) for _ in model.stream(prompt, cache, model.prefill(prompt, cache), 4)]
    assert counts == [1, 2, 3, 3]


@pytest.mark.parametrize(
    ("values", "token"), [([1, 3, 2, 3], 1), ([-np.inf, -5], 1), ([1, np.nan, 2], 0), ([np.nan] * 3, 0), ([0, 0], 0)]
)
def test_the_likeliest(values: list[float], token: int) -> None:
    assert greedy(mx.array(values, dtype=mx.float32)) == token
