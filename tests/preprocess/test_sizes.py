"""Windows of small and odd sizes, held to the window order that the tower uses, and enlarging to the lower limit."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import sizes


def lengths_of(plan: saccade.Plan) -> Counter[int]:
    """How many windows hold how many tokens, from the boundaries that the tower attends within."""
    _, boundaries = saccade.window_index([plan.grid_thw])
    return Counter((np.diff(boundaries) // plan.family.merge_size**2).tolist())


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(4, 2000))
def test_kinds_are_the_windows_that_the_tower_attends_within(width: int, height: int, budget: int) -> None:
    if max(width, height) > 200 * min(width, height):
        return
    try:
        plan = saccade.plan((width, height), budget=budget)
    except InputError:
        return
    counted: Counter[int] = Counter()
    for kind in sizes.window_kinds(plan):
        counted[kind.tokens] += kind.count
    assert counted == lengths_of(plan)
    assert sum(kind.count for kind in sizes.window_kinds(plan)) == plan.windows


def test_a_4k_screen_has_four_kinds() -> None:
    report = sizes.explain((3840, 2160))
    assert [(kind.place, kind.columns, kind.rows, kind.count) for kind in report.kinds] == [
        ("inner", 4, 4, 66), ("right", 3, 4, 6), ("bottom", 4, 2, 11), ("corner", 3, 2, 1),
    ]  # fmt: skip
    assert (report.whole_windows, report.partial_windows) == (66, 18)
    assert report.padding == 84 * 16 - 1222


@pytest.mark.parametrize("size", [(112, 112), (224, 448), (126, 126), (1120, 112)])
def test_sizes_that_fill_whole_windows(size: tuple[int, int]) -> None:
    report = sizes.explain(size)
    assert (report.partial_windows, report.padding) == (0, 0)
    assert {kind.tokens for kind in report.kinds} == {16}
    assert report.whole_window_size == report.plan.resized_size


@pytest.mark.parametrize(
    ("size", "enlarged", "resized"),
    [
        ((1, 1), True, (56, 56)),
        ((28, 28), True, (56, 56)),
        ((56, 56), False, (56, 56)),
        ((28, 112), False, (28, 112)),
        ((28, 84), True, (56, 112)),
        ((400, 300), False, (392, 308)),
        ((2000, 13), True, (700, 28)),
        ((8000, 8000), False, (980, 980)),
    ],
)
def test_enlarging_to_the_lower_limit(size: tuple[int, int], enlarged: bool, resized: tuple[int, int]) -> None:
    report = sizes.explain(size)
    assert (report.enlarged, report.plan.resized_size) == (enlarged, resized)
    assert report.enlargement == (resized[0] / size[0], resized[1] / size[1])


def test_a_higher_lower_limit_enlarges_more() -> None:
    plain, raised = sizes.explain((400, 300)), sizes.explain((400, 300), min_tokens=1024)
    assert not plain.enlarged
    assert raised.enlarged
    assert raised.plan.tokens >= 1024
    assert sizes.explain((400, 300), budget="ollama").enlarged


@pytest.mark.parametrize(("size", "budget", "least"), [((3840, 2160), 1280, 1280), ((2258, 1046), 4, None)])
def test_what_was_shrunk_is_not_enlarged_where_the_limits_are_close(
    size: tuple[int, int], budget: int, least: int | None
) -> None:
    report = sizes.explain(size, budget=budget, min_tokens=least)
    assert not report.enlarged
    assert max(report.enlargement) < 1


@given(st.integers(1, 2000), st.integers(1, 2000), st.sampled_from([None, 64, 1024]))
def test_an_image_of_the_nearest_whole_size_is_not_resized(width: int, height: int, least: int | None) -> None:
    if max(width, height) > 200 * min(width, height):
        return
    try:
        report = sizes.explain((width, height), min_tokens=least)
    except InputError as error:  # a long strip, enlarged to 1,024 tokens, is above the budget of 1,280 once rounded
        assert least == 1024 and "does not fit into 1280 tokens" in str(error)
        return
    if report.whole_window_size is None:
        return
    again = sizes.explain(report.whole_window_size, min_tokens=least)
    assert again.plan.resized_size == report.whole_window_size
    assert (again.partial_windows, again.enlarged) == (0, False)


def test_a_family_without_windows() -> None:
    report = sizes.explain((400, 300), family="qwen3-vl")
    assert (report.kinds, report.whole_windows, report.partial_windows, report.padding) == ((), 0, 0, 0)
    assert report.whole_window_size is None
    assert sizes.explain((100, 100), family="qwen3-vl", budget="checkpoint").enlarged


def test_a_budget_below_one_window_leaves_no_whole_size() -> None:
    assert sizes.explain((640, 480), budget=12).whole_window_size is None


def test_every_example_can_be_explained_and_they_show_what_they_are_for() -> None:
    reports = [sizes.explain(size) for size in sizes.EXAMPLES]
    assert any(report.enlarged for report in reports)
    assert any(report.whole_windows and not report.partial_windows for report in reports)
    assert any(len(report.kinds) == 4 for report in reports)


def test_mistakes_are_the_plans() -> None:
    with pytest.raises(InputError, match="ratio"):
        sizes.explain((1000, 1))
    with pytest.raises(InputError, match="unknown family"):
        sizes.explain((100, 100), family="gemma")
