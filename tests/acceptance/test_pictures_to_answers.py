"""Pictures, from their pixels to the answer, equal transformers at every stage.

The reference's values are in tests/golden/acceptance.npz: 1, 2 and 5 images; whole, partial and many windows; what its
torchvision path resizes to, in resized.npz.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import checkpoints
import mlx.core as mx
import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade import models

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from screens import NEW_TOKENS, ROWS, SCREENS, SHRUNK, Picture, Prompt, ids  # noqa: E402

RELATIVE = 1e-4


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "acceptance.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.write(tmp_path_factory.mktemp("f1"))


@pytest.fixture(scope="module")
def model(folder: Path) -> models.Model:
    return models.load(folder)


def shown(prompt: Prompt, layout: Any = "reference") -> dict[str, Any]:
    """A prompt as saccade prepares it."""
    plans = [saccade.plan((item.width, item.height), budget=item.most_tokens) for item in prompt.pictures]
    patches = [
        saccade.patchify(item.pixels(), plan, layout=layout) for item, plan in zip(prompt.pictures, plans, strict=True)
    ]
    grids = [plan.grid_thw for plan in plans]
    return {"input_ids": ids(grids)[None], "pixel_values": np.concatenate(patches), "image_grid_thw": grids}


def relative(found: Any, wanted: np.ndarray) -> float:
    """The largest error in parts of the largest value."""
    found = np.asarray(found)
    assert found.shape == wanted.shape
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


@pytest.fixture(params=SCREENS, ids=lambda prompt: prompt.name.replace(" ", "-"))
def prompt(request: pytest.FixtureRequest) -> Prompt:
    return request.param


def test_grids_and_pixels_are_the_references_bit_for_bit(golden: dict[str, np.ndarray], prompt: Prompt) -> None:
    inputs = shown(prompt)
    assert (np.array(inputs["image_grid_thw"]) == golden[f"{prompt.name}/grids"]).all()
    assert inputs["pixel_values"].dtype == np.float32
    digest = hashlib.sha256(np.ascontiguousarray(inputs["pixel_values"]).tobytes()).digest()
    assert digest == golden[f"{prompt.name}/pixels"].tobytes()


RESIZED = [
    (f"{prompt.name}/{number}", picture)
    for prompt in (*SCREENS, *SHRUNK)
    for number, picture in enumerate(prompt.pictures)
    if not picture.stays
]


@pytest.mark.parametrize(("name", "picture"), RESIZED, ids=[name.replace(" ", "-") for name, _ in RESIZED])
def test_the_torchvision_path_is_a_level_away_at_most(name: str, picture: Picture) -> None:
    """But for noise that is enlarged: torchvision's weights have fewer bits than Pillow's, whose bits are ours."""
    with np.load(GOLDEN / "resized.npz") as stored:
        assert len(stored.files) == len(RESIZED)
        wanted = stored[name].astype(int)
    plan = saccade.plan((picture.width, picture.height), budget=picture.most_tokens)
    found = saccade.resize(picture.pixels(), plan.resized_size).astype(int)
    assert found.shape == wanted.shape
    away = np.abs(found - wanted)
    if picture == Picture("noise", 29, 29):  # to 56 x 56: one value of 9,408
        assert np.sort(away.ravel())[-2:].tolist() == [1, 2]
    else:
        assert away.max() <= 1


def test_every_stage_of_the_tower(model: models.Model, golden: dict[str, np.ndarray], prompt: Prompt) -> None:
    inputs, visual = shown(prompt), model.visual
    seen: dict[str, np.ndarray] = {}

    def kept(name: str, stage: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> Any:
            found = stage(*arguments, **named)
            seen[name] = np.asarray(found)
            return found

        return run

    embed, blocks = visual.patch_embed, list(visual.blocks)
    visual.patch_embed = kept("embed", embed)
    visual.blocks = [kept(f"block{n}", block) for n, block in enumerate(blocks)]
    try:
        features = visual(mx.array(inputs["pixel_values"]), inputs["image_grid_thw"])
    finally:
        visual.patch_embed, visual.blocks = embed, blocks
    back = np.argsort(models.qwen2_5_vl.layout(inputs["image_grid_thw"], model.config.vision).order)
    assert set(seen) == {"embed", "block0", "block1", "block2", "block3"}
    for name, rows in seen.items():
        rows = rows.reshape(len(back), 4, -1)[back].reshape(rows.shape)
        assert relative(rows[ROWS], golden[f"{prompt.name}/{name}"]) <= RELATIVE, name
    assert relative(features[ROWS], golden[f"{prompt.name}/features"]) <= RELATIVE


@pytest.mark.parametrize("layout", ["native", "reference"])
def test_embeddings_positions_logits_and_tokens(
    model: models.Model, golden: dict[str, np.ndarray], prompt: Prompt, layout: str
) -> None:
    inputs = shown(prompt, layout)
    read = model.prompt(**inputs)
    assert relative(read.embeddings[0, ROWS], golden[f"{prompt.name}/inputs"]) <= RELATIVE
    assert (np.asarray(read.position_ids).reshape(3, -1) == golden[f"{prompt.name}/positions"]).all()
    logits = np.asarray(model(**inputs))[0]
    assert np.abs(logits[ROWS] - golden[f"{prompt.name}/logits"]).max() <= 1e-3
    assert (logits.argmax(-1) == golden[f"{prompt.name}/top"]).all()
    tokens = model.generate(max_new_tokens=NEW_TOKENS, **inputs)
    assert tokens == golden[f"{prompt.name}/tokens"].tolist()


def test_bfloat16_points_the_same_way(folder: Path, model: models.Model) -> None:
    narrow, inputs = models.load(folder, compute_dtype="bfloat16"), shown(SCREENS[1])

    def cosine(ours: Any, theirs: Any) -> float:
        one, other = (np.asarray(mx.array(rows).astype(mx.float32)).ravel() for rows in (ours, theirs))
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))

    pixels, grids = inputs["pixel_values"], inputs["image_grid_thw"]
    assert cosine(narrow.image_features(pixels, grids), model.image_features(pixels, grids)) >= 0.999
    assert cosine(narrow.prompt(**inputs).embeddings, model.prompt(**inputs).embeddings) >= 0.999
    assert cosine(narrow(**inputs), model(**inputs)) >= 0.999
