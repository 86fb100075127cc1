"""Tied heads, Qwen2-VL, every decoder layer, videos alone and quantized weights against the reference's values."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

from mlx_saccade import models as nets

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from cases import COLUMNS, NEW_TOKENS, ROWS, SETS, Case  # noqa: E402

TOLERANCE = 1e-4
READY = [chosen for chosen in SETS if chosen.name != "random"]
ALL = [(chosen.name, case) for chosen in READY for case in chosen.cases]
WITH_IMAGES = [(name, case) for name, case in ALL if case.images]
IN_LAYERS = [(chosen.name, case) for chosen in READY if chosen.layers for case in chosen.cases]


def by_name(value: Any) -> str:
    return value.name.replace(" ", "-") if isinstance(value, Case) else str(value)


@pytest.fixture(scope="module")
def golden() -> dict[str, dict[str, np.ndarray]]:
    return {chosen.name: dict(np.load(GOLDEN / f"model_{chosen.name}.npz")) for chosen in READY}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, nets.Model]:
    return {
        chosen.name: nets.load(checkpoints.write(tmp_path_factory.mktemp(chosen.name), *chosen.checkpoint()))
        for chosen in READY
    }


def error(found: Any, wanted: np.ndarray) -> float:
    found = np.asarray(found)
    assert found.shape == wanted.shape
    return float(np.abs(found - wanted).max())


@pytest.mark.parametrize(("name", "case"), ALL, ids=by_name)
def test_logits_equal_the_reference(models: Any, golden: Any, name: str, case: Case) -> None:
    logits = np.asarray(models[name](**case.inputs()))
    wanted = golden[name]
    assert error(logits[0, :, COLUMNS], wanted[f"{case.name}/columns"]) <= TOLERANCE
    assert error(logits[0, -1], wanted[f"{case.name}/last"]) <= TOLERANCE
    assert (logits[0].argmax(-1) == wanted[f"{case.name}/top"]).all()


@pytest.mark.parametrize(("name", "case"), ALL, ids=by_name)
def test_greedy_tokens_equal_the_reference(models: Any, golden: Any, name: str, case: Case) -> None:
    tokens = models[name].generate(max_new_tokens=NEW_TOKENS, **case.inputs())
    assert tokens == golden[name][f"{case.name}/tokens"].tolist()


@contextmanager
def recorded(module: Any, name: str) -> Iterator[list[np.ndarray]]:
    """What each of a list of layers returns, while the context lasts."""
    seen: list[np.ndarray] = []
    layers = list(getattr(module, name))

    def keep(layer: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> mx.array:
            found = layer(*arguments, **named)
            seen.append(np.asarray(found))
            return found

        return run

    setattr(module, name, [keep(layer) for layer in layers])
    try:
        yield seen
    finally:
        setattr(module, name, layers)


@pytest.mark.parametrize(("name", "case"), WITH_IMAGES, ids=by_name)
def test_every_block_of_the_tower_equals_the_reference(models: Any, golden: Any, name: str, case: Case) -> None:
    visual = models[name].visual
    with recorded(visual, "blocks") as seen:
        features = visual(mx.array(case.inputs()["pixel_values"]), case.images)
    assert error(features, golden[name][f"{case.name}/features"]) <= TOLERANCE
    order = np.arange(len(features))  # without windows, patches stay in merge-block order
    if visual.config.window_size is not None:
        order = nets.qwen2_5_vl.layout(case.images, visual.config).order
    for number, rows in enumerate(seen):
        back = rows.reshape(len(order), 4, -1)[np.argsort(order)].reshape(rows.shape)
        assert error(back[ROWS], golden[name][f"{case.name}/block{number}"]) <= TOLERANCE
    assert len(seen) == visual.config.depth


@pytest.mark.parametrize(("name", "case"), IN_LAYERS, ids=by_name)
def test_every_decoder_layer_equals_the_reference(models: Any, golden: Any, name: str, case: Case) -> None:
    model = models[name]
    with recorded(model.model, "layers") as seen:
        model(**case.inputs())
    assert len(seen) == model.config.text.num_hidden_layers
    for number, rows in enumerate(seen):
        assert error(rows[0][ROWS], golden[name][f"{case.name}/layer{number}"]) <= TOLERANCE
