"""Gemma 4's budgets, sizes and patches, against transformers' own image processor."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade import families, media
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import limits, sizes

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "gemma4.json").read_text(encoding="utf-8"))
BUDGETS = (70, 140, 280, 560, 1120)
LISTED = "expected one of 70, 140, 280, 560, 1120 tokens for gemma-4; got "


def gemma(image: Any, budget: Any = None, **options: Any) -> saccade.Plan:
    return saccade.plan(image, family="gemma-4", budget=budget, **options)


def digest(values: np.ndarray, dtype: str) -> str:
    return hashlib.sha256(np.ascontiguousarray(values, dtype).tobytes()).hexdigest()


def test_sizes_equal_the_reference() -> None:
    rows = [(size, *plan_of(*size)) for *size, _, _, _ in GOLDEN["sizes"]]
    assert rows == [
        (size, *expected) for *size, wide, high, tokens in GOLDEN["sizes"] for expected in [(wide, high, tokens)]
    ]
    assert len(rows) > 1500
    assert {budget for (_, _, budget), *_ in rows} == set(BUDGETS)


def plan_of(width: int, height: int, budget: int) -> tuple[int, int, int]:
    plan = gemma((width, height), budget)
    return (*plan.resized_size, plan.tokens)


@pytest.mark.parametrize(("place", "row"), list(enumerate(GOLDEN["images"])), ids=lambda value: str(value)[:22])
def test_patches_equal_the_reference(place: int, row: list[Any]) -> None:
    width, height, budget, backend, tokens, patches_digest, positions_digest = row
    pixels = np.random.RandomState(place).randint(0, 256, (height, width, 3), dtype=np.uint8)
    plan = gemma(pixels, budget)
    patches = saccade.patchify(pixels, plan, layout="reference", backend=backend)
    assert (plan.tokens, patches.shape, patches.dtype) == (tokens, (9 * tokens, 768), np.float32)
    assert digest(patches, "<f4") == patches_digest
    _, rows, columns = plan.grid_thw
    positions = [(column, row) for row in range(rows) for column in range(columns)]
    assert digest(np.array(positions), "<i8") == positions_digest


def test_images_of_one_prompt_have_budgets_of_their_own() -> None:
    images = [np.random.RandomState(seed).randint(0, 256, (90, 120, 3), dtype=np.uint8) for seed in range(3)]
    plans = [gemma(image, budget) for image, budget in zip(images, (70, 1120, None), strict=True)]
    assert [plan.tokens for plan in plans] == [63, 1064, 266]
    together = saccade.patchify(images, plans, layout="reference")
    alone = [saccade.patchify(image, plan, layout="reference") for image, plan in zip(images, plans, strict=True)]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_a_plan_describes_itself() -> None:
    plan = gemma((3840, 2160))
    assert (plan.budget, plan.tokens, plan.resized_size) == ("280 tokens (default)", 264, (1056, 576))
    assert (plan.grid_thw, plan.patches, plan.windows, plan.notes) == ((1, 36, 66), 2376, 0, ())
    assert plan.scale == (3840 / 1056, 2160 / 576)
    assert plan.to_source((1056, 576)) == pytest.approx((3840, 2160))
    assert plan.as_dict()["max_pixels"] == 280 * 48**2
    for budget in (1120, "1120", np.int64(1120)):
        assert gemma((3840, 2160), budget).budget == "1120 tokens"


@pytest.mark.parametrize(
    "budget", [256, 1280, 0, -70, 71, "1003520px", "checkpoint", "ollama", "many", "", "٧٠", True, 280.0, 10**30, [70]]
)
def test_another_budget_is_refused_with_the_list(budget: Any) -> None:
    with pytest.raises(InputError, match=f"budget: {LISTED}") as error:
        gemma((640, 480), budget)
    assert "\n" not in str(error.value)


def test_limits_that_it_does_not_know_are_refused() -> None:
    with pytest.raises(InputError, match="min_tokens: expected none for gemma-4"):
        gemma((640, 480), min_tokens=4)
    family = families.get("gemma-4")
    level = limits.read({"budget": 560}, "image 1")
    assert limits.choose((640, 480), family, [level], None).tokens == 540
    exact: dict[str, Any] = {"resized_height": 96, "resized_width": 96}
    for options, got in (({"min_tokens": 9}, "lower limit"), (exact, "an exact size"), ({"min_pixels": 9}, "a lower")):
        with pytest.raises(InputError, match=f"tokens and no other limit for gemma-4; got .*{got}"):
            limits.choose((640, 480), family, [limits.read(options, "image 1")], None)
    with pytest.raises(InputError, match="video: expected an image for gemma-4"):
        limits.choose((640, 480), family, [], None, frames=8)
    with pytest.raises(InputError, match=LISTED):
        limits.choose((640, 480), family, [limits.read({"max_pixels": 100_000}, "image 1")], None)
    with pytest.raises(InputError, match="whose frames are images with a budget"):
        saccade.smart_resize_video(8, 480, 640, family="gemma-4", min_pixels=1, max_pixels=10**6)


@given(st.integers(1, 9000), st.integers(1, 9000), st.sampled_from(BUDGETS))
def test_any_size_fits_its_budget(width: int, height: int, budget: int) -> None:
    plan = gemma((width, height), budget)
    assert 1 <= plan.tokens <= budget
    assert all(side % 48 == 0 for side in plan.resized_size)


def test_there_is_no_native_layout() -> None:
    pixels = np.zeros((48, 48, 3), np.uint8)
    with pytest.raises(InputError, match="layout: expected 'reference' for gemma-4; got 'native'"):
        saccade.patchify(pixels, gemma(pixels, 70))


def test_nothing_is_recommended_that_was_not_measured() -> None:
    with pytest.raises(InputError, match="gemma-4, on which no accuracy by budget was published"):
        saccade.recommend((50, 50), (3840, 2160), family="gemma-4")


def test_small_images_are_enlarged() -> None:
    small, large = (sizes.explain(size, family="gemma-4", budget=1120) for size in ((64, 64), (4000, 3000)))
    assert (small.enlarged, small.plan.resized_size) == (True, (1584, 1584))
    assert not large.enlarged
    assert small.whole_window_size is None


def test_a_film_gives_32_frames() -> None:
    assert media.sample_frames(900, 30, family="gemma-4") == [i * 900 // 32 for i in range(32)]
    with pytest.raises(InputError, match="at most the film's 31 frames; got 32"):
        media.sample_frames(31, 30, family="gemma-4")
    assert media.sample_frames(31, 30, family="gemma-4", num_frames=3) == [0, 10, 20]
    assert media.sample_frames(1, 30, family="gemma-4", fps=2) == [0]
    assert len(media.sample_frames(900, 30, family="gemma-4", fps=2)) == 60
