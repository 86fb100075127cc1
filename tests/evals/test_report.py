"""The report of a run, on rows whose figures are known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlx_saccade.evals.bootstrap import interval
from mlx_saccade.evals.cells import Cell
from mlx_saccade.evals.compare import compare
from mlx_saccade.evals.report import Report, report
from mlx_saccade.evals.rows import Budget, Reply, Row
from mlx_saccade.evals.scores import score
from mlx_saccade.evals.targets import Target
from mlx_saccade.preprocess.recommend import TABLE

SIDES = {"large": 400, "medium": 150, "small": 50, "tiny": 15}
RUN = {"data": "screens", "runtime": "saccade"}


def target(screen: int, regime: str, **more: Any) -> Target:
    """Return a square target of a size on a screen of 1000 by 1000 pixels."""
    side = float(SIDES[regime])
    return Target(f"{screen}-{regime}", f"{screen}.png", "it", ((0.0, 0.0, side, side),), (1000, 1000), **more)


def overlapping(one: Target, iou: float) -> Reply:
    """Return an answer with a box of that IoU: as high as the target and narrower."""
    (_, _, width, height), *_ = one.expected
    box = (0.0, 0.0, width * iou, height)
    return Reply(
        boxes=(box,) if iou else (), click=(box[2] / 2, box[3] / 2) if iou else None, tokens=100, answer_tokens=20,
        image_sent_size=(500, 500), seconds={"vision": 0.2, "answer": 0.1}, peak_bytes=1000,
    )  # fmt: skip


def rows(
    curves: dict[Budget, float], *, screens: int = 12, policy: str = "flat", regimes: tuple[str, ...] = ("large",)
) -> Iterator[Row]:
    """Yield answers whose IoU is the budget's, a little better on later screens."""
    for screen in range(screens):
        for regime in regimes:
            one = target(screen, regime)
            for budget, iou in curves.items():
                yield Row(one, "i", budget, policy, overlapping(one, min(1.0, iou * (1 + screen / 50))))


def cell(made: Report, value: str, budget: Budget, policy: str = "flat") -> Cell:
    (one,) = (c for c in made.cells if (c.value, c.budget, c.policy) == (value, budget, policy))
    return one


def test_a_cell_has_every_figure() -> None:
    made = report(rows({256: 0.4}), RUN)
    one = cell(made, "large", 256)
    ious = [0.4 * (1 + screen / 50) for screen in range(12)]
    assert (one.n, one.screens, one.failed, one.no_answer, one.rejected) == (12, 12, 0, 0, 0)
    assert one.iou == pytest.approx(sum(ious) / 12, abs=5.1e-5)
    assert (one.iou_low, one.iou_high) == interval([list(enumerate(ious))])
    assert (one.hits, one.hits_low, one.hits_high) == (1.0, pytest.approx(0.025 ** (1 / 12), abs=5.1e-5), 1.0)
    assert (one.size_ratio, one.tokens, one.answer_tokens, one.looks) == (one.iou, 100.0, 20.0, 1.0)
    assert one.center_error == pytest.approx(400 * (1 - 0.444) / 2)
    assert (one.seconds, one.stages, one.peak_bytes, one.note) == (0.3, {"vision": 0.2, "answer": 0.1}, 1000, "")


def test_failures_count_apart_from_wrong_answers() -> None:
    answers = list(rows({256: 0.8}))
    kinds = {0: Reply(error="no server"), 1: Reply(text="[]"), 2: Reply(rejected=("9000: outside",))}
    answers = [Row(row.target, "i", 256, "flat", kinds.get(place, row.reply)) for place, row in enumerate(answers)]
    made = report(answers, RUN)
    one = cell(made, "large", 256)
    assert (one.n, one.failed, one.no_answer, one.rejected, one.screens) == (12, 1, 1, 1, 11)
    assert one.hits == pytest.approx(9 / 11, abs=5.1e-5)
    assert one.iou == pytest.approx(sum(0.8 * (1 + screen / 50) for screen in range(3, 12)) / 11, abs=5.1e-5)
    assert (made.rows, made.failed, made.targets, made.screens) == (12, 1, 12, 12)


def test_few_screens_have_a_note_with_numbers() -> None:
    one = cell(report(rows({256: 0.4}, screens=3), RUN), "large", 256)
    assert (one.iou_low, one.hits_low) == (None, None)
    assert one.note == "3 answers on 3 screens: an interval needs 10 screens"
    failed = [Row(target(0, "large"), "i", 256, "flat", Reply(error="no"))]
    assert cell(report(failed, RUN), "large", 256).note == "no answers"


def test_groups_are_in_order_and_settings_by_size() -> None:
    answers = [
        *rows({"checkpoint": 0.1, 1280: 0.2, "50176px": 0.3, 256: 0.4}, regimes=tuple(SIDES), screens=2, policy="zoom"),
        *rows({64: 0.1}, regimes=("tiny",), screens=2),
    ]
    cells = report(answers, RUN).cells
    assert [c.value for c in cells if c.grouping == "regime" and c.budget == 256] == list(SIDES)
    assert [(c.policy, c.budget) for c in cells if c.value == "all"] == [
        ("flat", 64), ("zoom", "50176px"), ("zoom", 256), ("zoom", 1280), ("zoom", "checkpoint"),
    ]  # fmt: skip
    assert {c.grouping for c in cells} == {"all", "regime", "model_side"}
    assert [c.value for c in cells if c.grouping == "model_side" and c.budget == 256] == [
        "7 to 14", "14 to 28", "56 to 112", "from 112",
    ]  # fmt: skip


def test_groups_of_what_the_data_set_says() -> None:
    kinds = [("text", "word"), ("icon", "excel"), ("", "")]
    answers = []
    for screen, (ui_type, application) in enumerate(kinds):
        one = target(screen, "large", ui_type=ui_type, application=application)
        answers.append(Row(one, "i", 256, "flat", overlapping(one, 0.5)))
    cells = report(answers, RUN).cells
    assert [c.value for c in cells if c.grouping == "ui_type"] == ["icon", "text", ""]
    assert [c.value for c in cells if c.grouping == "application"] == ["excel", "word", ""]


def test_differences_are_paired_and_between_budgets_or_policies() -> None:
    answers = [*rows({256: 0.2, 1280: 0.6}), *rows({1280: 0.5}, policy="zoom")]
    made = report(answers, RUN).differences
    large = [(d.policy, d.budget, d.other_policy, d.other_budget, d.iou) for d in made if d.regime == "large"]
    assert large == [("flat", 256, "flat", 1280, 0.444), ("flat", 1280, "zoom", 1280, -0.111)]
    assert {d.regime for d in made} == {"large", "all"}
    assert made[0].n == 12


def test_the_best_budget_and_how_sure_it_is() -> None:
    answers = [*rows({256: 0.2, 1280: 0.6, 4096: 0.59}), *rows({256: 0.7, 1280: 0.1}, policy="zoom")]
    noisy = [
        Row(row.target, "i", row.budget, row.policy, overlapping(row.target, 0.9))
        if row.budget == 4096 and row.target.image == "3.png" else row for row in answers
    ]  # fmt: skip
    optima = report(noisy, RUN).optima
    flat, zoom, every = (one for one in optima if (one.regime, one.metric) == ("large", "iou"))
    assert [one.policy for one in (flat, zoom, every)] == ["flat", "zoom", None]
    assert flat.best_budget == 4096  # by the one screen
    assert [choice.is_level for choice in flat.choices] == [False, True, True]
    shares = [choice.best_share for choice in flat.choices]
    assert sum(share for share in shares if share is not None) == pytest.approx(1)
    assert shares[0] == 0
    assert (zoom.best_budget, zoom.choices[0].best_share) == (256, 1.0)
    assert (every.best_policy, every.best_budget) == ("zoom", 256)


def test_the_best_of_few_screens_is_named_without_a_claim() -> None:
    (best,) = (
        one for one in report(rows({256: 0.2, 1280: 0.6}, screens=4), RUN).optima
        if (one.regime, one.metric) == ("large", "iou")
    )  # fmt: skip
    assert (best.best_budget, best.note) == (1280, "4 answers on 4 screens: an interval needs 10 screens")
    assert {(choice.best_share, choice.is_level) for choice in best.choices} == {(None, None)}


def test_answers_that_are_points_have_hits_alone() -> None:
    answers = []
    for screen in range(12):
        for budget in (64, 256):
            point = (10.0, 10.0) if budget == 256 else (900.0, 900.0)
            answers.append(Row(target(screen, "large"), "i", budget, "flat", Reply(points=(point,), click=point)))
        answers.append(Row(target(screen, "small"), "i", 256, "flat", Reply()))  # no answer has no IoU of 0 either
    made = report(answers, RUN, with_published=True)
    one = cell(made, "large", 256)
    assert (one.iou, one.hits, one.size_ratio, one.note) == (None, 1.0, None, "")
    assert (cell(made, "small", 256).iou, cell(made, "small", 256).hits) == (None, 0.0)
    assert [(best.metric, best.best_budget) for best in made.optima if best.regime == "large"] == [("hits", 256)]
    assert made.published[0].run is None


def test_the_published_table_is_beside_by_shape() -> None:
    made = report([*rows({64: 0.2, 256: 0.4}), *rows({256: 0.9}, policy="zoom")], RUN, with_published=True)
    large, *others = made.published
    assert [one.regime for one in made.published] == [row.size for row in TABLE]
    assert large.run is not None
    assert (large.policy, large.run.best_budget, large.run.level_budgets, large.run.n) == ("flat", 256, (256,), 12)
    assert [point.share_of_best for point in large.run.points] == [0.5, 1.0]
    assert (large.published.best_budget, large.published.n) == (1280, 36)
    assert [point.share_of_best for point in large.published.points] == [
        pytest.approx(value, abs=1e-4) for value in (0.343 / 0.643, 1, 0.574 / 0.643, 0.526 / 0.643)
    ]
    assert "other" in large.caution
    assert [one.run for one in others] == [None] * 3
    assert report(rows({64: 0.2}), RUN).published == ()


def test_all_zero_has_no_share_of_the_best() -> None:
    made = report(rows({64: 0.0, 256: 0.0}), RUN, with_published=True)
    assert made.published[0].run is not None
    assert [point.share_of_best for point in made.published[0].run.points] == [None, None]


def test_cells_are_those_of_a_plain_computation() -> None:
    random = np.random.RandomState(4)
    answers = []
    for number in range(300):
        one = target(number % 37, random.choice(list(SIDES)), application=random.choice(["a", "b", "c"]))
        one = replace(one, id=str(number))
        for budget in (64, 256):
            for policy in ("flat", "zoom"):
                reply = overlapping(one, random.uniform(0, 1))
                kind = random.randint(10)
                if kind < 4:
                    reply = (Reply(error="no"), Reply(), Reply(rejected=("x",)), Reply(points=((1.0, 1.0),)))[kind]
                if random.uniform() < 0.9:
                    answers.append(Row(one, "i", budget, policy, reply))
    for made in report(answers, RUN).cells:
        if made.grouping in ("model_side", "group"):
            continue
        rows = [
            row for row in answers
            if (row.policy, row.budget) == (made.policy, made.budget)
            and made.value in ("all", getattr(row.target, made.grouping, None))
        ]  # fmt: skip
        scores = [score(row) for row in rows if row.reply.error is None]
        ious = [one.iou for one in scores if one.iou is not None]
        errors = [one.center_error for one in scores if one.center_error is not None]
        assert (made.n, made.failed) == (len(rows), len(rows) - len(scores))
        assert made.no_answer == sum(one.outcome == "no answer" for one in scores)
        assert made.rejected == sum(one.outcome == "rejected" for one in scores)
        assert made.iou == pytest.approx(np.mean(ious), abs=5.1e-5)
        assert made.hits == pytest.approx(np.mean([one.is_hit for one in scores]), abs=5.1e-5)
        assert made.center_error == pytest.approx(np.median(errors), abs=5.1e-5)
        assert made.screens == len({row.target.image for row in rows if row.reply.error is None})


REPLIES = st.sampled_from(
    (
        Reply(error="no"), Reply(), Reply(rejected=("x",)), Reply(points=((1.0, 1.0),)), Reply(click=(9.0, 9.0)),
        Reply(boxes=((0.0, 0.0, 300.0, 300.0),), seconds={"request": 1.0}),
        Reply(boxes=((5.0, 5.0, 5.0, 5.0),), tokens=0, image_sent_size=(28, 28), peak_bytes=1),
        Reply(boxes=((0.0, 0.0, 15.0, 15.0),), tokens=7, image_sent_size=(56, 56), seconds={"vision": 0.0},
              looks=({"crop": [0, 0, 1000, 1000], "tokens": 4}, {"crop": [0, 0, 16, 16], "tokens": 3})),
    )
)  # fmt: skip
ROWS = st.lists(
    st.tuples(st.integers(0, 14), st.sampled_from(list(SIDES)), st.sampled_from((64, 256, "checkpoint")),
              st.sampled_from(("flat", "zoom")), REPLIES), max_size=120,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_any_rows_have_a_report_and_a_comparison_in_json(values: list[tuple[int, str, Budget, str, Reply]]) -> None:
    by_question = {
        (screen, regime, budget, policy): Row(target(screen, regime), "i", budget, policy, reply)
        for screen, regime, budget, policy, reply in values
    }
    answers = list(by_question.values())
    made = report(answers, RUN, with_published=True)
    json.dumps(made.as_dict(), allow_nan=False)
    for one in made.cells:
        for low, mean, high in ((one.iou_low, one.iou, one.iou_high), (one.hits_low, one.hits, one.hits_high)):
            if low is not None and mean is not None and high is not None:
                assert 0 <= low <= high <= 1
                assert low - 0.05 <= mean <= high + 0.05
    for best in made.optima:
        if not best.note:
            assert sum(choice.best_share or 0 for choice in best.choices) == pytest.approx(1, abs=1e-3)
    if answers:
        json.dumps(compare(answers, answers[::-1], {}, {}).as_dict(), allow_nan=False)


def test_nothing_to_report_is_a_report() -> None:
    made = report([], RUN, with_published=True)
    assert (made.rows, made.cells, made.differences, made.optima) == (0, (), (), ())
    assert made.published[0].run is None


def test_json_is_plain() -> None:
    made = report([*rows({64: 0.2, "checkpoint": 0.4}, regimes=tuple(SIDES))], RUN, with_published=True).as_dict()
    assert json.loads(json.dumps(made, allow_nan=False))["cells"][0]["budget"] == 64
