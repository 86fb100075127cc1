"""The default of `locate`: auto where neither a budget nor a policy is given, and one look elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mlx_saccade as saccade
from mlx_saccade import media
from mlx_saccade.errors import InputError

SCENE = saccade.scenes.generate(3, size=(3840, 2160))
ABSENT = "the tiny purple lock"


@pytest.fixture(scope="module")
def engine() -> saccade.Engine:
    return saccade.load()


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("default") / "screen.png"
    Image.fromarray(SCENE.image).save(path, compress_level=1)
    return path


@pytest.fixture(scope="module")
def large(engine: saccade.Engine) -> str:
    """Return the description of a target that one look finds for sure."""
    for element in SCENE.elements:
        answer = engine.locate(SCENE.image, element.description)
        if len(answer.looks) == 1 and answer.found:
            return element.description
    raise AssertionError("the screen has no large target")


def stable(answer: saccade.Answer) -> saccade.Answer:
    """Return an answer without what differs between runs."""
    looks = tuple(replace(look, seconds=0) for look in answer.looks)
    return replace(answer, timings={}, looks=looks, confidence=None if answer.confidence is None else 0)


def test_the_default_is_auto(engine: saccade.Engine, large: str) -> None:
    words = [large, ABSENT]
    default, auto = (engine.locate(SCENE.image, words, **how) for how in ({}, {"policy": "auto"}))
    assert [len(answer.looks) for answer in default] == [1, 1]
    for one, other in zip(default, auto, strict=True):
        assert [look.text for look in one.looks] == [look.text for look in other.looks]


def test_a_small_box_gets_a_closer_look_by_default(engine: saccade.Engine) -> None:
    answers = engine.locate(SCENE.image, [element.description for element in SCENE.elements])
    counts = [len(answer.looks) for answer in answers]
    assert set(counts) <= {1, 2, 3}
    small = next(answer for answer in answers if len(answer.looks) == 2)
    assert small.looks[0].verdict.removeprefix("answer: ").startswith(("small", "unsure"))
    assert small.usage["image"] == sum(look.tokens for look in small.looks)


def test_a_sure_first_look_is_the_flat_answer_token_for_token(engine: saccade.Engine, large: str) -> None:
    engine.forget()
    auto = engine.locate(SCENE.image, large)
    engine.forget()
    flat = engine.locate(SCENE.image, large, budget="checkpoint")
    assert auto.text == flat.text
    assert (auto.boxes, auto.usage, auto.finish, auto.notes) == (flat.boxes, flat.usage, flat.finish, flat.notes)
    assert auto.confidence == pytest.approx(flat.confidence)
    assert set(auto.timings) == set(flat.timings)


@pytest.mark.parametrize(
    "how",
    [
        {"budget": 64},
        {"budget": {"max_pixels": 50_000}},
        {"budget": {"min_tokens": 20}},
        {"candidates": 2},
    ],
)
def test_a_budget_or_candidates_mean_one_look(engine: saccade.Engine, how: dict[str, Any]) -> None:
    assert engine.locate(SCENE.image, ABSENT, **how).looks == ()


def test_a_budget_of_the_image_or_of_the_engine_means_one_look(engine: saccade.Engine) -> None:
    part = {"type": "image", "image": SCENE.image, "budget": 64}
    assert engine.locate(part, ABSENT).looks == ()
    assert len(engine.locate({"type": "image", "image": SCENE.image}, ABSENT).looks) == 1
    with saccade.load(budget=64) as other:
        assert other.locate(SCENE.image, ABSENT).looks == ()


def test_max_looks_alone_is_that_of_auto_with_any_budget(engine: saccade.Engine) -> None:
    assert len(engine.locate(SCENE.image, ABSENT, max_looks=4).looks) == 3
    looks = engine.locate(SCENE.image, ABSENT, max_looks=4, budget=64).looks
    assert len(looks) == 3
    assert all(look.tokens <= 64 for look in looks)
    with pytest.raises(InputError, match="max_looks: expected a whole number of at least 1"):
        engine.locate(SCENE.image, ABSENT, max_looks=0)
    with pytest.raises(InputError, match="candidates: expected 1 with a policy or max_looks; got 2"):
        engine.locate(SCENE.image, ABSENT, max_looks=2, candidates=2)


def test_the_budget_of_a_part_wins_under_a_policy(engine: saccade.Engine) -> None:
    part = {"type": "image", "image": SCENE.image, "budget": 64}
    for budget in (None, 16):
        looks = engine.locate(part, ABSENT, policy="auto:max_looks=6", budget=budget).looks
        assert len(looks) > 1
        assert all(48 <= look.tokens <= 64 for look in looks)


def test_a_part_may_have_its_region_and_place(engine: saccade.Engine, large: str) -> None:
    place = {"region": (100, 50, 3600, 2000), "origin": (-10, 20), "scale": 2}
    by_part = engine.locate({"type": "image", "image": SCENE.image, **place}, [large, ABSENT], max_looks=6)
    by_argument = engine.locate(SCENE.image, [large, ABSENT], max_looks=6, **place)
    assert list(map(stable, by_part)) == list(map(stable, by_argument))
    assert by_part[0].frames[0].region == (100, 50, 3600, 2000)
    assert by_part[1].looks[0].crop == (100, 50, 3700, 2050)
    with pytest.raises(InputError, match="region"):
        engine.locate(SCENE.image, large, region=(3000, 0, 1000, 100))


def test_a_file_is_decoded_once_and_not_again_for_a_second_sure_answer(
    engine: saccade.Engine, shot: Path, large: str
) -> None:
    engine.forget()
    before = engine.counts
    assert len(engine.locate(shot, ABSENT, max_looks=6).looks) == 5
    assert (engine.counts - before).decodes == 1
    before = engine.counts
    engine.locate(shot, large)
    assert (engine.counts - before).decodes == 0


def test_closer_looks_take_every_source(engine: saccade.Engine, shot: Path) -> None:
    image = Image.open(shot)
    answers = [
        engine.locate(source, ABSENT, max_looks=6)
        for source in (SCENE.image, shot, str(shot), shot.read_bytes(), image, media.open_image(shot))
    ]
    with media.LazyImage(shot) as lazy:
        answers.append(engine.locate(lazy, ABSENT, max_looks=6))
    assert len({tuple(look.text for look in answer.looks) for answer in answers}) == 1


def test_a_policy_gets_a_frame_that_is_decoded_when_its_pixels_are_read(engine: saccade.Engine, shot: Path) -> None:
    frames: list[media.Frame] = []

    def looking(engine: saccade.Engine, frame: media.Frame, words: list[str], /, **how: Any) -> list[saccade.Answer]:
        assert isinstance(frame, media.Frame)
        assert (frame.source_size, frame.notes) == ((3840, 2160), ())
        assert np.array_equal(frame.pixels, SCENE.image)
        assert np.array_equal(frame.crop((10, 20, 300, 400)).pixels, SCENE.image[20:400, 10:300])
        frames.append(frame)
        return engine.look(frame, [((0, 0, *frame.source_size), text) for text in words], **how)

    answer = engine.locate(shot, ABSENT, policy=looking)
    assert answer.text == engine.locate(shot, ABSENT, policy="flat").text
    assert len(frames) == 1


def test_options_reach_every_look(engine: saccade.Engine) -> None:
    stages: list[str] = []
    answer = engine.locate(
        SCENE.image, ABSENT, max_looks=6, constrained=True, progress=lambda stage, done, total: stages.append(stage)
    )
    assert all(look.text.startswith(("[]", '[{"bbox_2d": [')) for look in answer.looks)
    assert stages.count("vision") >= len(answer.looks)
    assert len(answer.looks) > 1
    how = {"max_looks": 6, "temperature": 1.5, "seed": 4}
    first, again = (engine.locate(SCENE.image, ABSENT, **how) for _ in range(2))
    assert [look.text for look in first.looks] == [look.text for look in again.looks]
