"""What a batch gives is what each of its prompts gives alone."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest

from mlx_saccade import models
from mlx_saccade.errors import InputError

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from cases import BATCH, COLUMNS, batch_inputs  # noqa: E402
from cases import NEW_TOKENS as GOLDEN_TOKENS  # noqa: E402

START, END, IMAGE, VIDEO, STOP = 1002, 1003, 1004, 1005, 1001
TOLERANCE = 1e-4
NEW_TOKENS = 12


@dataclass(frozen=True)
class Row:
    """One prompt in transformers' names: pixels are normal noise in the reference layout."""

    name: str
    images: tuple[tuple[int, int, int], ...] = ()
    videos: tuple[tuple[int, int, int], ...] = ()
    words: int = 9
    noise: int = 0

    @property
    def ids(self) -> list[int]:
        random = np.random.RandomState(len(self.name))
        ids = random.randint(0, 1000, 4).tolist()
        for token, grids in ((IMAGE, self.images), (VIDEO, self.videos)):
            for t, h, w in grids:
                ids += [START, *[token] * (t * h * w // 4), END, *random.randint(0, 1000, 2).tolist()]
        return [*ids, *random.randint(0, 1000, self.words).tolist()]

    def patches(self, grids: tuple[tuple[int, int, int], ...]) -> list[np.ndarray]:
        seeds = (self.noise + 100 * len(self.name) + number for number in range(len(grids)))
        return [
            np.random.RandomState(seed).standard_normal((t * h * w, 1176)).astype(np.float32)
            for seed, (t, h, w) in zip(seeds, grids, strict=True)
        ]


ROWS = (
    Row("text"),
    Row("short", words=1),
    Row("image", images=((1, 10, 6),)),
    Row("three images", images=((1, 4, 4), (1, 6, 10), (1, 2, 2))),
    Row("a long prompt", words=140),
    Row("a video too", images=((1, 4, 6),), videos=((3, 4, 6),)),
)


def inputs(rows: tuple[Row, ...]) -> dict[str, Any]:
    longest = max(len(row.ids) for row in rows)
    made: dict[str, Any] = {
        "input_ids": np.array([[1023] * (longest - len(row.ids)) + row.ids for row in rows]),
        "attention_mask": np.array([[0] * (longest - len(row.ids)) + [1] * len(row.ids) for row in rows]),
    }
    for kind, pixels, grids in (
        ("images", "pixel_values", "image_grid_thw"),
        ("videos", "pixel_values_videos", "video_grid_thw"),
    ):
        if any(getattr(row, kind) for row in rows):
            made[pixels] = np.concatenate([part for row in rows for part in row.patches(getattr(row, kind))])
            made[grids] = np.array([grid for row in rows for grid in getattr(row, kind)])
    if "video_grid_thw" in made:
        made["second_per_grid_ts"] = [1.5] * len(made["video_grid_thw"])
    return made


@pytest.fixture(autouse=True, scope="module")
def short_passes() -> Iterator[None]:
    """Prompts of a few passes, some of which are padding alone for some rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlx_saccade.models.generation.PREFILL_CHUNK", 64)
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> models.Model:
    return models.load(checkpoints.write(tmp_path_factory.mktemp("batch")))


@pytest.fixture(scope="module")
def alone(model: models.Model) -> dict[str, tuple[np.ndarray, list[int]]]:
    return {row.name: single(model, row) for row in ROWS}


def single(model: models.Model, row: Row) -> tuple[np.ndarray, list[int]]:
    given = inputs((row,))
    tokens = model.generate(max_new_tokens=NEW_TOKENS, **given)
    return np.asarray(model(**given))[0], tokens


ORDERS = [ROWS, ROWS[::-1], *list(itertools.permutations(ROWS))[100:700:200]]


@pytest.mark.parametrize("order", ORDERS, ids=lambda rows: "-".join(row.name.replace(" ", "_") for row in rows))
def test_logits_are_those_of_each_alone(
    model: models.Model, alone: dict[str, tuple[np.ndarray, list[int]]], order: tuple[Row, ...]
) -> None:
    logits = np.asarray(model(**inputs(order)))
    for row, found in zip(order, logits, strict=True):
        wanted = alone[row.name][0]
        assert np.abs(found[-len(wanted) :] - wanted).max() <= TOLERANCE, row.name


@pytest.mark.parametrize("order", ORDERS[:2], ids=["forward", "backward"])
def test_greedy_tokens_are_those_of_each_alone(
    model: models.Model, alone: dict[str, tuple[np.ndarray, list[int]]], order: tuple[Row, ...]
) -> None:
    made = model.generate(max_new_tokens=NEW_TOKENS, **inputs(order))
    assert made == [alone[row.name][1] for row in order]


def test_another_image_in_one_row_changes_no_other(model: models.Model) -> None:
    before = np.asarray(model(**inputs(ROWS)))
    changed = tuple(Row(**{**vars(row), "noise": 7}) if row.name == "three images" else row for row in ROWS)
    after = np.asarray(model(**inputs(changed)))
    for row, old, new in zip(ROWS, before, after, strict=True):
        told = len(row.ids)
        assert (old[-told:] == new[-told:]).all() == (row.name != "three images"), row.name


def test_a_row_that_ends_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    free = models.load(checkpoints.write(tmp_path / "free"))
    made = free.generate(max_new_tokens=NEW_TOKENS, **inputs(ROWS))
    ends = made[2][3]  # as an end token, it cuts this row, and whichever others say it, short
    cut = models.load(checkpoints.write(tmp_path / "cut", checkpoints.config(eos_token_id=[STOP, ends])))
    wanted = [row[: row.index(ends) + 1] if ends in row else row for row in made]
    assert len(wanted[2]) <= 4
    assert max(map(len, wanted)) == NEW_TOKENS
    assert cut.generate(max_new_tokens=NEW_TOKENS, **inputs(ROWS)) == wanted


def test_images_that_do_not_fit_their_rows_are_refused(model: models.Model) -> None:
    given = inputs((ROWS[2], ROWS[3]))
    given["image_grid_thw"] = given["image_grid_thw"][::-1]
    with pytest.raises(InputError, match="row 0 has 15 image tokens, but the images in their order make 16"):
        model(**given)


def test_a_batch_equals_the_references(model: models.Model) -> None:
    with np.load(GOLDEN / "model_batch.npz") as stored:
        golden = dict(stored)
    given = batch_inputs()
    told = given["attention_mask"] == 1
    logits = np.asarray(model(**given))
    assert np.abs(logits[:, :, COLUMNS] - golden["columns"])[told].max() <= TOLERANCE
    assert np.abs(logits[:, -1] - golden["last"]).max() <= TOLERANCE
    assert (logits.argmax(-1) == golden["top"])[told].all()
    positions = np.moveaxis(np.asarray(model.prompt(**given).position_ids), 0, -1)
    assert (positions[told] == np.moveaxis(golden["positions"], 0, -1)[told]).all()
    made = model.generate(max_new_tokens=GOLDEN_TOKENS, **given)
    assert made == golden["tokens"].tolist()
    assert len(made) == len(BATCH)
