"""Scores of hand-made rows."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mlx_saccade.evals.rows import Reply, Row
from mlx_saccade.evals.scores import Score, score
from mlx_saccade.evals.targets import Target

BOX = (100.0, 100.0, 200.0, 150.0)


def scored(expected: tuple[Any, ...] = (BOX,), size: tuple[int, int] = (1000, 500), **reply: Any) -> Score:
    """Return the score of a reply about one target."""
    return score(Row(Target("t", "a.png", "it", expected, size), "", 256, "flat", Reply(**reply)))


def test_the_right_box_has_no_error() -> None:
    own = scored(boxes=(BOX,), click=(150.0, 125.0), seconds={"vision": 0.5, "answer": 0.25})
    assert (own.outcome, own.iou, own.is_hit, own.is_point_in_box) == ("place", 1.0, True, True)
    assert (own.center_error, own.center_error_share, own.size_ratio) == (0.0, 0.0, 1.0)
    assert (own.looks, own.seconds) == (1, 0.75)


def test_a_bloated_box_hits_and_has_no_drift() -> None:
    own = scored(boxes=((50.0, 75.0, 250.0, 175.0),), click=(150.0, 125.0))
    assert (own.iou, own.is_hit, own.center_error, own.size_ratio) == (0.25, True, 0.0, 4.0)


def test_a_box_of_the_right_size_beside_the_target_has_drift_alone() -> None:
    own = scored(boxes=((130.0, 140.0, 230.0, 190.0),), click=(180.0, 165.0))
    assert own.size_ratio == 1.0
    assert own.center_error == 50.0
    assert own.center_error_share == pytest.approx(50 / math.hypot(100, 50))
    assert not own.is_hit
    assert own.iou == pytest.approx(70 * 10 / (2 * 5000 - 700))


def test_the_first_box_is_compared_with_the_expected_one_that_it_fits() -> None:
    other = (400.0, 100.0, 500.0, 200.0)
    own = scored((BOX, other), boxes=((400.0, 100.0, 500.0, 150.0), BOX), click=(450.0, 125.0))
    assert (own.iou, own.is_hit, own.size_ratio) == (0.5, True, 0.5)
    assert own.center_error == 25.0


def test_without_overlap_the_nearest_expected_box_counts_for_drift() -> None:
    own = scored((BOX, (400.0, 100.0, 500.0, 200.0)), boxes=((600.0, 100.0, 700.0, 200.0),))
    assert (own.iou, own.is_hit, own.center_error, own.size_ratio) == (0.0, False, 200.0, 1.0)


def test_points_alone_hit_and_have_no_overlap() -> None:
    own = scored(points=((150.0, 150.0),), click=(150.0, 150.0))
    assert (own.outcome, own.iou, own.is_hit, own.is_point_in_box, own.size_ratio) == ("place", None, True, True, None)
    assert own.center_error == 25.0
    assert scored(points=((150.0, 150.5),)).is_hit is False


def test_a_click_alone_is_a_place() -> None:
    own = scored(click=(150.0, 125.0))
    assert (own.outcome, own.iou, own.is_hit, own.center_error) == ("place", None, True, 0.0)


def test_the_point_to_click_may_miss_where_the_box_hits() -> None:
    own = scored(boxes=(BOX,), points=((5.0, 5.0),), click=(5.0, 5.0))
    assert (own.is_hit, own.is_point_in_box) == (True, False)


def test_edges_are_inside() -> None:
    assert scored(boxes=((190.0, 140.0, 210.0, 160.0),), click=(200.0, 150.0)).is_point_in_box


def test_no_answer_and_rejected_answers_are_wrong() -> None:
    assert scored(text="[]").outcome == "no answer"
    for reply in ({}, {"rejected": ("9000: outside",)}):
        own = scored(**reply)
        assert own.outcome == ("rejected" if reply else "no answer")
        assert (own.iou, own.is_hit, own.is_point_in_box) == (0.0, False, False)
        assert (own.center_error, own.center_error_share, own.size_ratio) == (None, None, None)
    assert scored(boxes=(BOX,), rejected=("9000: outside",)).outcome == "place"


def test_a_failed_row_has_no_accuracy() -> None:
    own = scored(error="the server said 500", boxes=(BOX,), click=(150.0, 125.0))
    assert own.outcome == "failed"
    assert {own.iou, own.is_hit, own.is_point_in_box, own.center_error, own.size_ratio} == {None}


def test_a_box_without_area_has_a_ratio_of_zero() -> None:
    assert scored(boxes=((150.0, 125.0, 150.0, 125.0),)).size_ratio == 0.0


def test_sides_in_model_pixels() -> None:
    assert scored().model_side is None
    assert scored(image_sent_size=(500, 250)).model_side == 25.0
    assert scored(image_sent_size=(500, 500)).model_side == 50.0  # across halved, down as it was
    own = scored(image_sent_size=(500, 250))
    assert own.finest_side == own.model_side


def test_sides_of_looks() -> None:
    first = {"crop": [0, 0, 1000, 500], "tokens": 100}
    inside, beside = {"crop": [50, 50, 300, 175], "tokens": 100}, {"crop": [0, 0, 150, 75], "tokens": 100}
    own = scored(image_sent_size=(500, 250), looks=(first, inside, beside))
    assert (own.model_side, own.looks) == (25.0, 3)
    assert own.finest_side == pytest.approx(100.0)  # a quarter of each side at as many tokens
    own = scored(image_sent_size=(500, 250), looks=(first, beside))
    assert own.finest_side == 25.0
    own = scored(image_sent_size=(500, 250), looks=({"crop": [0, 0, 500, 250], "tokens": 100},))
    assert own.model_side == 50.0  # the first look was a part
