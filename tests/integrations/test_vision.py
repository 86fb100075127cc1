"""The towers of enabled models, against this package's own on the same weights (tests/long has mlx-vlm itself)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx_vlm_stand_ins
import numpy as np
import pytest
from checkpoints import CONFIG, QWEN2_VL, QWEN3_VL, write
from mlx.utils import tree_flatten

import mlx_saccade as saccade
from mlx_saccade import models
from mlx_saccade.errors import InputError
from mlx_saccade.integrations.mlx_vlm import reuse, vision
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks

# Widths that can be packed.
QWEN3_TOWER = {**QWEN3_VL["vision_config"], "hidden_size": 160, "intermediate_size": 192}
BASES = {
    "qwen2_vl": QWEN2_VL,
    "qwen2_5_vl": CONFIG,
    "qwen3_vl": {**QWEN3_VL, "vision_config": QWEN3_TOWER},
    "qwen3_5": {**QWEN3_VL, "vision_config": {**QWEN3_TOWER, "deepstack_visual_indexes": []}},
}
"""Checkpoints whose towers are those of mlx-vlm's model types."""
SIZES = ((260, 150), (60, 330))
"""Of images whose windows are whole, cut right, cut below and cut on both sides."""


@pytest.fixture(scope="module", params=BASES)
def engine_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> models.Model:
    return models.load(write(tmp_path_factory.mktemp(request.param), BASES[request.param]))


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    registry = Hooks()
    reuse.store.clear()
    yield registry
    registry.restore()
    reuse.store.set_limit("512MB")
    reuse.store.clear()


def images(family: str, layout: str) -> tuple[mx.array, mx.array]:
    """Return the patches of the images one after another, and their grids."""
    patches, grids = [], []
    for number, size in enumerate(SIZES):
        pixels = np.random.RandomState(number).randint(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        plan = saccade.plan(size, family=family, budget=60)
        patches.append(saccade.patchify(pixels, plan, layout=layout))
        grids.append(plan.grid_thw)
    return mx.array(np.concatenate(patches)), mx.array(grids)


def enabled(of: models.Model, hooks: Hooks, kind: str | None = None) -> Any:
    model = mlx_vlm_stand_ins.model(of, kind)
    assert vision.attach(model, hooks)
    return model.vision_tower


def oracle_of(of: models.Model, folder: Path) -> models.Model:
    """Return another model with the same weights."""
    return models.load(write(folder, BASES[mlx_vlm_stand_ins.model_type(of)]))


def look(tower: Any, patches: mx.array, grids: mx.array, **options: Any) -> mx.array:
    """Return the features of each token, and beside them its deepstack levels if the tower has any."""
    result = tower(patches, grids, **options)
    if isinstance(result, mx.array):
        return result
    features, levels = result
    assert type(levels) is list
    return mx.concatenate([features, *levels], axis=-1)


def one_by_one(of: models.Model, patches: mx.array, grids: mx.array) -> np.ndarray:
    """Return the features and levels that the engine has for each image by itself."""
    ends = np.cumsum(np.prod(np.array(grids), axis=1))
    parts = zip(np.split(np.array(patches), ends[:-1]), grids.tolist(), strict=True)
    return np.concatenate([of.encode(mx.array(part), [grid]) for part, grid in parts])


def runs() -> int:
    return reuse.store.counts().vision_calls


@pytest.mark.parametrize("layout", ["native", "reference"])
def test_features_are_those_of_the_engine(engine_model: models.Model, hooks: Hooks, layout: str) -> None:
    patches, grids = images(engine_model.config.family, layout)
    expected = one_by_one(engine_model, patches, grids)
    tower = enabled(engine_model, hooks)
    # mlx-vlm casts pixels to the precision of the weights.
    assert np.array_equal(look(tower, patches.astype(mx.float32), grids, output_hidden_states=False), expected)
    assert np.array_equal(look(tower, patches.astype(mx.float32), grids), expected)


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16])
def test_half_weights_are_computed_in_float32_on_the_cpu(
    engine_model: models.Model, hooks: Hooks, dtype: mx.Dtype, tmp_path: Path
) -> None:
    tower = enabled(engine_model, hooks)
    tower.set_dtype(dtype)
    patches, grids = images(engine_model.config.family, "native")
    rounded = {key: np.array(value.astype(mx.float32)) for key, value in tree_flatten(tower.parameters())}
    oracle = oracle_of(engine_model, tmp_path)
    rounded["patch_embed.proj.weight"] = rounded["patch_embed.proj.weight"].transpose(0, 4, 1, 2, 3)
    oracle.visual.load_weights([(key, mx.array(value)) for key, value in rounded.items()])
    oracle.visual.patch_embed.fold(
        saccade.families.get(engine_model.config.family).mean, saccade.families.get(engine_model.config.family).std
    )
    features = look(tower, patches.astype(dtype), grids)
    assert features.dtype == dtype
    expected = one_by_one(oracle, patches, grids)
    if mx.default_device() == mx.cpu:
        assert mx.array_equal(features, mx.array(expected).astype(dtype))
    assert np.abs(np.array(features.astype(mx.float32)) - expected).max() < 0.2


@pytest.mark.parametrize("bits", [4, 8])
def test_packed_layers_are_unpacked_or_multiplied_as_they_are(
    engine_model: models.Model, hooks: Hooks, bits: int, tmp_path: Path
) -> None:
    tower = enabled(engine_model, hooks)
    nn.quantize(tower, 32, bits, class_predicate=lambda _, layer: fits(layer))
    kinds = nn.QuantizedLinear | nn.QuantizedEmbedding
    packed = {name: layer for name, layer in tower.named_modules() if isinstance(layer, kinds)}
    assert "blocks.0.attn.qkv" in packed
    assert ("pos_embed" in packed) == hasattr(tower, "pos_embed")
    oracle = oracle_of(engine_model, tmp_path)
    plain = {
        f"{name}.weight": mx.dequantize(layer.weight, layer.scales, layer.biases, group_size=32, bits=bits)
        for name, layer in packed.items()
    }
    oracle.visual.load_weights(list(plain.items()), strict=False)
    patches, grids = images(engine_model.config.family, "native")
    expected = one_by_one(oracle, patches, grids)
    assert np.abs(np.array(look(tower, patches.astype(mx.float32), grids)) - expected).max() < 1e-4


@pytest.mark.parametrize("bits", [None, 4])
def test_weights_stay_as_they_are_elsewhere_than_on_the_cpu(
    engine_model: models.Model, hooks: Hooks, monkeypatch: pytest.MonkeyPatch, bits: int | None
) -> None:
    """The way of a GPU, on the CPU: no weight is unpacked or made float32."""
    tower = enabled(engine_model, hooks)
    if bits:
        nn.quantize(tower, 32, bits, class_predicate=lambda _, layer: fits(layer))
    patches, grids = images(engine_model.config.family, "native")
    expected = np.array(look(tower, patches.astype(mx.float32), grids))
    tower.set_dtype(mx.bfloat16)
    monkeypatch.setattr(vision, "device", lambda: "metal")
    monkeypatch.setattr(vision, "in_float32", None)
    features = look(tower, patches.astype(mx.bfloat16), grids)
    assert features.dtype == mx.bfloat16
    assert np.abs(np.array(features.astype(mx.float32)) - expected).mean() < 0.02 * np.abs(expected).max()


def fits(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear | nn.Embedding) and layer.weight.shape[1] % 32 == 0


def test_an_adapter_is_called_as_it_is(engine_model: models.Model, hooks: Hooks) -> None:
    class Doubled(nn.Module):
        def __init__(self, layer: nn.Module) -> None:
            super().__init__()
            self.layer = layer

        def __call__(self, x: mx.array) -> mx.array:
            return 2 * self.layer(x)

    tower = enabled(engine_model, hooks)
    patches, grids = images(engine_model.config.family, "native")
    before = look(tower, patches.astype(mx.float32), grids)
    merger, width = tower.merger, engine_model.config.vision.out_hidden_size
    if hasattr(merger, "mlp"):
        merger.mlp[2] = Doubled(merger.mlp[2])
    else:
        merger.linear_fc2 = Doubled(merger.linear_fc2)
    after = look(tower, patches.astype(mx.float32), grids)
    assert np.abs(np.array(after - 2 * before))[:, :width].max() < 1e-5
    assert np.array_equal(after[:, width:], before[:, width:])  # deepstack levels have mergers of their own


def test_a_second_look_runs_no_tower(engine_model: models.Model, hooks: Hooks) -> None:
    patches, grids = images(engine_model.config.family, "native")
    tower = enabled(engine_model, hooks)
    first, count = look(tower, patches.astype(mx.float32), grids), runs()
    assert np.array_equal(
        look(tower, patches.astype(mx.bfloat16), grids), first
    )  # the same pixels in another precision
    rows = int(np.prod(np.array(grids)[0]))
    assert np.array_equal(look(tower, patches[rows:], grids[1:]), first[rows // 4 :])  # an image by itself
    assert runs() == count


def test_another_pixel_grid_or_weight_is_another_look(engine_model: models.Model, hooks: Hooks) -> None:
    patches, grids = images(engine_model.config.family, "native")
    one, grid = patches[: int(np.prod(np.array(grids)[0]))], grids[:1]
    tower = enabled(engine_model, hooks)
    first, count = look(tower, one, grid), runs()
    changed = np.array(one)
    changed[-1, -1] ^= 1
    assert not np.array_equal(look(tower, mx.array(changed), grid), first)
    look(tower, one, mx.array([[1, int(grid[0, 2]), int(grid[0, 1])]]))
    assert runs() == count + 2
    weight = tower.blocks[0].attn.proj.weight
    tower.blocks[0].attn.proj.weight = 2 * weight
    scaled = look(tower, one, grid)
    assert not np.array_equal(scaled, first)
    assert runs() == count + 3
    if "bias" in tower.patch_embed.proj:
        tower.patch_embed.proj.bias = tower.patch_embed.proj.bias + 1
        assert not np.array_equal(look(tower, one, grid), scaled)


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen3_vl_moe"])
def test_features_and_deepstack_levels_are_kept_together(hooks: Hooks, tmp_path: Path, kind: str) -> None:
    """The GELUs are those of the checkpoint, also where mlx-vlm exchanges them."""
    engine_model = models.load(write(tmp_path, BASES["qwen3_vl"]))
    tower = enabled(engine_model, hooks, kind)
    patches, grids = images("qwen3-vl", "native")
    last = int(np.prod(np.array(grids)[0]))
    first = tower(patches, grids)
    count, (features, levels) = runs(), tower(patches[last:], grids[1:])
    assert runs() == count
    assert np.array_equal(features, engine_model.image_features(patches[last:], grids[1:]))
    expected = engine_model.deepstack_features(patches[last:], grids[1:])
    assert len(levels) == len(expected) == 3
    assert all(np.array_equal(level, other) for level, other in zip(levels, expected, strict=True))
    assert all(np.array_equal(level[last // 4 :], other) for level, other in zip(first[1], levels, strict=True))


def test_two_towers_share_a_limit_and_no_features(engine_model: models.Model, hooks: Hooks, tmp_path: Path) -> None:
    patches, grids = images(engine_model.config.family, "native")
    first, second = enabled(engine_model, hooks), enabled(engine_model, hooks)
    count = runs()
    assert np.array_equal(look(first, patches, grids), look(second, patches, grids))
    assert runs() == count + 4
    reuse.store.set_limit(reuse.store.counts().bytes // 2)
    assert reuse.store.counts().evictions >= 2
    look(second, patches, grids)
    assert runs() == count + 4
    look(first, patches, grids)
    assert runs() == count + 6
    reuse.store.set_limit(0)
    look(first, patches, grids)
    assert (runs(), reuse.store.counts().bytes) == (count + 8, 0)


def test_attaching_copies_no_weight_and_is_undone(engine_model: models.Model, hooks: Hooks) -> None:
    model = mlx_vlm_stand_ins.model(engine_model)
    tower, kind = model.vision_tower, type(model.vision_tower)
    names, before = dir(tower), dict(tree_flatten(tower.parameters()))
    assert vision.attach(model, hooks)
    assert vision.attach(model, hooks)
    assert type(tower).__name__ == kind.__name__
    look(tower, *images(engine_model.config.family, "native"))
    after = dict(tree_flatten(tower.parameters()))
    assert list(after) == list(before)
    assert all(after[key] is before[key] for key in before)
    hooks.restore()
    assert type(tower) is kind
    assert dir(tower) == names
    tower(mx.zeros((4, engine_model.config.vision.patch_width)), mx.array([[1, 2, 2]]))
    assert tower.inputs.latest is not None


def test_training_keeps_the_code_that_has_gradients(engine_model: models.Model, hooks: Hooks) -> None:
    family = engine_model.config.family
    tower = enabled(engine_model, hooks)
    tower.train()
    native, grids = images(family, "native")
    tower(native.astype(mx.float32), grids)
    assert np.allclose(tower.inputs.latest, images(family, "reference")[0], atol=1e-6)
    tower(images(family, "reference")[0], grids)
    assert np.array_equal(tower.inputs.latest, images(family, "reference")[0])


def test_native_rows_that_do_not_fit_the_grids_are_refused(engine_model: models.Model, hooks: Hooks) -> None:
    tower = enabled(engine_model, hooks)
    width = engine_model.config.vision.still_width
    with pytest.raises(InputError, match=rf"pixel_values: expected \[16, {width}\]"):
        tower(mx.zeros((12, width)), mx.array([[1, 4, 4]]))


def test_what_is_not_patches_is_left_to_mlx_vlm(engine_model: models.Model, hooks: Hooks) -> None:
    tower = enabled(engine_model, hooks)
    for shape in ((16, 600), (20, engine_model.config.vision.patch_width), (1, 28, 28, 3)):
        values = mx.zeros(shape)
        tower(values, mx.array([[1, 4, 4]]))
        assert tower.inputs.latest is values


def test_other_models_keep_their_tower(hooks: Hooks) -> None:
    tower = SimpleNamespace()
    for kind in ("llava", "qwen3_omni_moe"):
        assert not vision.attach(SimpleNamespace(config=SimpleNamespace(model_type=kind), vision_tower=tower), hooks)
    assert not vision.attach(SimpleNamespace(config=SimpleNamespace(model_type="qwen2_vl")), hooks)
    parts = "without config, patch_embed, blocks, merger"
    for kind, more in (("qwen2_vl", "."), ("qwen3_5", ", pos_embed, deepstack_merger_list.")):
        with pytest.raises(InputError, match=parts + more):
            vision.attach(SimpleNamespace(config=SimpleNamespace(model_type=kind), vision_tower=tower), hooks)
    assert len(hooks) == 0
