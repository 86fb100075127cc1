"""The metrics of all evaluations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlx_saccade.evals import metrics
from mlx_saccade.grounding import Box

boxes_of_pixels = st.tuples(*[st.integers(0, 50)] * 4).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


@given(boxes_of_pixels, boxes_of_pixels)
def test_iou_equals_counting_pixels(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    def cells(box: tuple[int, ...]) -> set[tuple[int, int]]:
        return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}

    union = cells(a) | cells(b)
    expected = len(cells(a) & cells(b)) / len(union) if union else 0.0
    assert metrics.iou(a, b) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("share", "size"),
    [(0.051, "large"), (0.05, "medium"), (0.011, "medium"), (0.01, "small"), (0.0011, "small"), (0.001, "tiny")],
)
def test_bin_of_takes_the_bounds_of_the_table(share: float, size: str) -> None:
    assert metrics.bin_of(share) == size


def test_the_first_box_is_judged_against_the_best_expected_one() -> None:
    boxes = [Box((0, 0, 10, 10)), Box((50, 50, 60, 60))]
    expected = [(50, 50, 60, 60), (0, 0, 10, 20)]
    assert metrics.best_iou(boxes, expected) == 0.5
    assert metrics.is_hit(boxes, expected)
    assert metrics.best_iou(boxes[1:], expected[1:]) == 0
    assert not metrics.is_hit(boxes[1:], expected[1:])


def test_an_answer_without_a_box_is_no_hit() -> None:
    assert metrics.best_iou([], [(0, 0, 10, 10)]) == 0
    assert not metrics.is_hit([], [(0, 0, 10, 10)])


def test_by_bin_has_every_bin_in_order_and_keeps_the_order_within() -> None:
    bins = metrics.by_bin([0.2, 0.0005, 0.1, 0.02], lambda share: share)
    assert list(bins.items()) == [("large", [0.2, 0.1]), ("medium", [0.02]), ("small", []), ("tiny", [0.0005])]
