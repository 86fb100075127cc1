"""Qwen3-VL, dense and with experts, against the values of transformers: tower, positions, layers, logits and tokens."""

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

from mlx_saccade import models
from mlx_saccade.models import cpu_ops

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from qwen3_cases import (  # noqa: E402
    CASES,
    COLUMNS,
    MIXED,
    NEW_TOKENS,
    ROWS,
    SETS,
    TOKENS,
    Case,
    batch_inputs,
    checkpoint,
)

FEATURES, LOGITS = 3e-4, 2e-4
ALL = [(name, case) for name, (_, cases) in SETS.items() for case in cases]
WITH_IMAGES = [case for case in CASES if case.images]


def by_name(value: Any) -> str:
    return value.name.replace(" ", "-") if isinstance(value, Case) else str(value)


@pytest.fixture(scope="module")
def golden() -> dict[str, dict[str, np.ndarray]]:
    return {name: dict(np.load(GOLDEN / f"model_{name}.npz")) for name in SETS}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, models.Model]:
    folder = tmp_path_factory.mktemp("qwen3")
    return {name: models.load(checkpoints.write(folder / name, *checkpoint(name))) for name in SETS}


def error(result: Any, expected: np.ndarray) -> float:
    result = np.asarray(result)
    assert result.shape == expected.shape
    return float(np.abs(result - expected).max())


@contextmanager
def recorded(module: Any, name: str) -> Iterator[list[np.ndarray]]:
    """Yield what each of a list of layers returns, while the context lasts."""
    outputs: list[np.ndarray] = []
    layers = list(getattr(module, name))

    def keep(layer: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> mx.array:
            output = layer(*arguments, **named)
            outputs.append(np.asarray(output))
            return output

        return run

    setattr(module, name, [keep(layer) for layer in layers])
    try:
        yield outputs
    finally:
        setattr(module, name, layers)


@pytest.mark.parametrize("case", WITH_IMAGES, ids=by_name)
def test_features_and_levels_equal_the_reference(loaded: Any, golden: Any, case: Case) -> None:
    model, expected = loaded["qwen3_vl"], golden["qwen3_vl"]
    with recorded(model.visual, "blocks") as blocks:
        features = model.image_features(case.inputs()["pixel_values"], case.images)
    assert error(features[TOKENS], expected[f"{case.name}/features"]) <= FEATURES
    for number, rows in enumerate(blocks):
        assert error(rows[ROWS], expected[f"{case.name}/block{number}"]) <= FEATURES
    levels = model.deepstack_features(case.inputs()["pixel_values"], case.images)
    assert len(levels) == 3
    for number, level in enumerate(levels):
        assert error(level[TOKENS], expected[f"{case.name}/level{number}"]) <= FEATURES
    native = model.image_features(case.native(), case.images)
    assert error(native[TOKENS], expected[f"{case.name}/features"]) <= FEATURES


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_positions_equal_the_reference(loaded: Any, golden: Any, case: Case) -> None:
    positions, delta = loaded["qwen3_vl"].position_ids(case.ids[0], case.images, case.videos)
    expected = golden["qwen3_vl"][f"{case.name}/positions"]
    assert (positions == expected).all()
    assert delta == expected.max() + 1 - case.ids.shape[1]


@pytest.mark.parametrize(("name", "case"), ALL, ids=by_name)
def test_layers_and_logits_equal_the_reference(loaded: Any, golden: Any, name: str, case: Case) -> None:
    model, expected = loaded[name], golden[name]
    with recorded(model.model, "layers") as layers:
        logits = np.asarray(model(**case.inputs()))
    assert error(logits[0, :, COLUMNS], expected[f"{case.name}/columns"]) <= LOGITS
    assert error(logits[0, -1], expected[f"{case.name}/last"]) <= LOGITS
    assert (logits[0].argmax(-1) == expected[f"{case.name}/top"]).all()
    # The reference's hooks see a layer before its deepstack rows are added.
    assert len(layers) == 4
    for number, rows in enumerate(layers):
        assert error(rows[0][ROWS], expected[f"{case.name}/layer{number}"]) <= LOGITS


@pytest.mark.parametrize(("name", "case"), ALL, ids=by_name)
def test_greedy_tokens_equal_the_reference(loaded: Any, golden: Any, name: str, case: Case) -> None:
    tokens = loaded[name].generate(max_new_tokens=NEW_TOKENS, **case.inputs())
    assert tokens == golden[name][f"{case.name}/tokens"].tolist()


@pytest.mark.parametrize("name", SETS)
def test_plain_operations_equal_the_reference(
    loaded: Any, golden: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """MLX's own operations, as on a GPU, in place of NumPy's."""
    monkeypatch.setattr(cpu_ops, "applies", lambda *arrays: False)
    model, expected = loaded[name], golden[name]
    assert error(model(**MIXED.inputs())[0, -1], expected[f"{MIXED.name}/last"]) <= LOGITS
    tokens = model.generate(max_new_tokens=NEW_TOKENS, **MIXED.inputs())
    assert tokens == expected[f"{MIXED.name}/tokens"].tolist()


def test_a_batch_equals_the_reference(loaded: Any) -> None:
    model, expected = loaded["qwen3_vl"], dict(np.load(GOLDEN / "model_qwen3_batch.npz"))
    assert error(model(**batch_inputs())[:, -1], expected["last"]) <= LOGITS
    tokens = model.generate(max_new_tokens=NEW_TOKENS, **batch_inputs())
    assert tokens == expected["tokens"].tolist()
