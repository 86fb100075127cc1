"""The network's values by stage against the reference's, on a seeded random checkpoint (tests/golden/models.py)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

from mlx_saccade import models
from mlx_saccade.preprocess import positions

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from cases import CASES, COLUMNS, NEW_TOKENS, ROWS, Case  # noqa: E402

TOLERANCE = 1e-4
WITH_IMAGES = [case for case in CASES if case.images]


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "model_random.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write(tmp_path_factory.mktemp("random"))


@pytest.fixture
def model(folder: Path) -> models.Model:
    return models.load(folder)


def by_name(case: Case) -> str:
    return case.name.replace(" ", "-")


def error(found: Any, wanted: np.ndarray) -> float:
    found = np.asarray(found)
    assert found.shape == wanted.shape
    return float(np.abs(found - wanted).max())


def native(case: Case) -> np.ndarray:
    order, _ = positions.window_index(case.images)
    rows = case.native()
    return rows.reshape(len(order), 4, 588)[order].reshape(rows.shape)


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_logits_equal_the_reference(model: models.Model, golden: dict[str, np.ndarray], case: Case) -> None:
    logits = np.asarray(model(**case.inputs()))
    assert logits.shape == (1, case.ids.shape[1], 1024)
    assert error(logits[0, :, COLUMNS], golden[f"{case.name}/columns"]) <= TOLERANCE
    assert error(logits[0, -1], golden[f"{case.name}/last"]) <= TOLERANCE
    assert (logits[0].argmax(-1) == golden[f"{case.name}/top"]).all()


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_greedy_tokens_equal_the_reference(model: models.Model, golden: dict[str, np.ndarray], case: Case) -> None:
    tokens = model.generate(max_new_tokens=NEW_TOKENS, **case.inputs())
    assert tokens == golden[f"{case.name}/tokens"].tolist()
    assert len(tokens) == NEW_TOKENS


@pytest.mark.parametrize("case", WITH_IMAGES, ids=by_name)
@pytest.mark.parametrize("form", ["reference", "native"])
def test_image_features_equal_the_reference(
    model: models.Model, golden: dict[str, np.ndarray], case: Case, form: str
) -> None:
    pixels = native(case) if form == "native" else case.inputs()["pixel_values"]
    features = model.image_features(pixels, case.images)
    assert error(features, golden[f"{case.name}/features"]) <= TOLERANCE


@pytest.mark.parametrize("case", WITH_IMAGES, ids=by_name)
def test_every_stage_of_the_tower_equals_the_reference(
    model: models.Model, golden: dict[str, np.ndarray], case: Case
) -> None:
    seen: list[mx.array] = []

    def recorded(stage: Any) -> Any:
        def run(*arguments: Any) -> mx.array:
            seen.append(stage(*arguments))
            return seen[-1]

        return run

    visual = model.visual
    embed, blocks = visual.patch_embed, list(visual.blocks)
    visual.patch_embed, visual.blocks = recorded(embed), [recorded(block) for block in blocks]
    visual(mx.array(case.inputs()["pixel_values"]), case.images)
    back = np.argsort(models.qwen2_5_vl.layout(case.images, model.config.vision).order)
    for name, found in zip(["embed", "block0", "block1", "block2", "block3"], seen, strict=True):
        rows = np.asarray(found).reshape(len(back), 4, -1)[back].reshape(found.shape)
        scale = np.abs(golden[f"{case.name}/{name}"]).max()
        assert error(rows[ROWS], golden[f"{case.name}/{name}"]) <= TOLERANCE * scale, name


def test_an_end_token_is_the_last_one(folder: Path, golden: dict[str, np.ndarray], tmp_path: Path) -> None:
    case = CASES[0]
    tokens = golden[f"{case.name}/tokens"].tolist()
    ends = {"eos_token_id": [tokens[6], 999]}
    stopping = checkpoints.write(tmp_path, files={"generation_config.json": ends})
    assert models.load(stopping).generate(case.ids, NEW_TOKENS) == tokens[: tokens.index(tokens[6]) + 1]
    stopping = checkpoints.write(tmp_path / "config", checkpoints.config(eos_token_id=tokens[4]))
    assert models.load(stopping).generate(case.ids, NEW_TOKENS) == tokens[: tokens.index(tokens[4]) + 1]


def test_a_prompt_in_many_chunks_reads_as_one(
    model: models.Model, golden: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[3]
    for size in (1, 7, 64):
        monkeypatch.setattr("mlx_saccade.models.generation.PREFILL_CHUNK", size)
        assert error(model(**case.inputs())[0, -1], golden[f"{case.name}/last"]) <= TOLERANCE
        assert model.generate(max_new_tokens=4, **case.inputs()) == golden[f"{case.name}/tokens"][:4].tolist()
