"""Advice from a run: the quickest of what cannot be told from the best, with its row."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from mlx_saccade.errors import InputError
from mlx_saccade.evals.advice import advise
from mlx_saccade.evals.rows import Reply, Row
from mlx_saccade.evals.targets import Target

SIZE = (3840, 2160)
SIDES = {"large": 1500.0, "medium": 500.0, "small": 120.0, "tiny": 40.0}
SETTINGS = {  # policy, budget: overlap by size, seconds
    ("flat", 64): ({"large": 0.9, "medium": 0.5, "small": 0.0, "tiny": 0.0}, 0.1),
    ("flat", 256): ({"large": 0.9, "medium": 0.8, "small": 0.3, "tiny": 0.1}, 0.4),
    ("flat", 1024): ({"large": 0.4, "medium": 0.8, "small": 0.5, "tiny": 0.2}, 2.0),
    ("auto", 256): ({"large": 0.9, "medium": 0.8, "small": 0.8, "tiny": 0.7}, 0.9),
}


def row(screen: int, size: str, policy: str, budget: int, overlap: float, seconds: float) -> Row:
    side = SIDES[size]
    target = Target(f"{screen}-{size}", f"{screen}.png", "it", ((100.0, 100.0, 100 + side, 100 + side),), SIZE)
    box = (100.0, 100.0, 100 + side, 100 + side * overlap)
    boxes = (box,) if overlap else ()
    sent = {64: (392, 224), 256: (588, 336), 1024: (1176, 672)}[budget]
    reply = Reply(boxes=boxes, image_sent_size=sent, tokens=budget, seconds={"answer": seconds})
    return Row(target, "", budget, policy, reply)


def run(screens: int = 12) -> list[Row]:
    random = Random(0)
    return [
        row(screen, size, policy, budget, overlaps[size] and overlaps[size] + random.uniform(-0.05, 0.05), seconds)
        for screen in range(screens)
        for size in SIDES
        for (policy, budget), (overlaps, seconds) in SETTINGS.items()
    ]


@pytest.mark.parametrize(
    ("side", "setting"),
    [(1500, ("flat", 64)), (500, ("flat", 256)), (120, ("auto", 256)), (40, ("auto", 256))],
)
def test_quickest_of_the_best(side: int, setting: tuple[str, int]) -> None:
    advice = advise(run(), (side, side), SIZE)
    assert (advice.chosen.policy, advice.chosen.budget) == setting
    assert advice.best in advice.rows
    assert advice.chosen in advice.level
    assert advice.chosen.iou_low is not None
    assert advice.chosen.iou_low <= advice.chosen.iou <= advice.chosen.iou_high
    assert advice.plan.budget == f"{setting[1]} tokens"


def test_level_is_what_cannot_be_told_from_the_best() -> None:
    advice = advise(run(), (1500, 1500), SIZE)
    level = {(cell.policy, cell.budget) for cell in advice.level}
    assert (advice.best.policy, advice.best.budget) in level
    assert level <= {("flat", 64), ("flat", 256), ("auto", 256)}


def test_law_in_model_pixels() -> None:
    advice = advise(run(), (500, 500), SIZE)
    assert advice.shorter_side == pytest.approx(500 * min(588 / 3840, 336 / 2160))
    assert advice.alike is not None
    assert advice.alike.value == "56 to 112"
    assert advice.alike.n == 12
    assert advise(run(), (600, 150), SIZE).alike is not None


def test_few_screens_give_the_highest_mean_and_say_so() -> None:
    advice = advise(run(4), (40, 40), SIZE)
    assert (advice.chosen.policy, advice.chosen.budget) == ("auto", 256)
    assert advice.best_share is None
    assert "an interval needs 10 screens" in advice.chosen.note


def pointing(one: Row) -> Row:
    """Return a row whose place is a point, on the target only if the box fits it well."""
    box = one.reply.boxes[0] if one.reply.boxes else None
    point = None if box is None else (110.0, 110.0) if box[3] - box[1] > 0.5 * (box[2] - box[0]) else (1.0, 1.0)
    return replace(one, reply=replace(one.reply, boxes=(), points=() if point is None else (point,), click=point))


def test_answers_that_are_points_are_chosen_by_hits() -> None:
    advice = advise(list(map(pointing, run())), (40, 40), SIZE)
    assert (advice.metric, advice.best.policy, advice.best.iou) == ("hits", "auto", None)
    assert advice.best_share == 1.0
    assert advice.level == (advice.best,)
    mixed = [pointing(one) if one.target.image == "3.png" else one for one in run()]
    assert advise(mixed, (40, 40), SIZE).metric == "hits"
    assert advise(mixed[: len(mixed) // 4], (40, 40), SIZE).metric == "iou"


@pytest.mark.parametrize("word", ["checkpoint", "server"])
def test_budget_in_words_is_that_of_the_images_shown(word: str) -> None:
    rows = [replace(one, budget=word) for one in run() if (one.policy, one.budget) == ("flat", 256)]
    advice = advise(rows, (500, 500), SIZE)
    assert (advice.chosen.budget, advice.plan.resized_size, advice.note) == (word, (588, 336), "")
    hidden = [replace(one, reply=replace(one.reply, image_sent_size=None)) for one in rows]
    with pytest.raises(InputError, match=f"^my-run: expected the sizes of images under the budget {word}"):
        advise(hidden, (500, 500), SIZE, name="my-run")


def test_another_family_than_the_run_is_noted() -> None:
    assert advise(run(), (500, 500), SIZE).note == ""
    assert "588 x 336 px, and qwen3-vl would be" in advise(run(), (500, 500), SIZE, family="qwen3-vl").note


def test_run_without_a_hit_says_so() -> None:
    blind = [one for one in run() if (one.policy, one.budget) == ("flat", 64)]
    assert "no answer of the run hit such a target" in advise(blind, (40, 40), SIZE).note
    assert "no answer" not in advise(blind, (500, 500), SIZE).note


def test_failed_questions_alone_are_named() -> None:
    rows = [replace(one, reply=Reply(error="no connection")) for one in run()]
    with pytest.raises(InputError, match="got failed questions alone"):
        advise(rows, (40, 40), SIZE)


def test_no_such_targets() -> None:
    rows = [one for one in run() if one.target.regime != "tiny"]
    with pytest.raises(InputError, match="run: expected answers about tiny targets; got large, medium, small"):
        advise(rows, (40, 40), SIZE)
    with pytest.raises(InputError, match="got no target"):
        advise([], (40, 40), SIZE)
