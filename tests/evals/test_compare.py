"""Two runs beside each other, on rows whose figures are known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlx_saccade.errors import InputError
from mlx_saccade.evals.compare import Comparison, compare
from mlx_saccade.evals.rows import Budget, Reply, Row
from mlx_saccade.evals.targets import Target

HIT = Reply(boxes=((0.0, 0.0, 400.0, 400.0),), click=(200.0, 200.0))
MISS = Reply(boxes=((600.0, 600.0, 900.0, 900.0),), click=(750.0, 750.0))
POINT = Reply(points=((1.0, 1.0),), click=(1.0, 1.0))


def rows(pattern: str, budget: Budget = 256, policy: str = "flat", start: int = 0) -> list[Row]:
    """Return a row for each letter: h hits, m misses, p is a point inside, x failed, a dot is no row."""
    replies = {"h": HIT, "m": MISS, "p": POINT, "x": Reply(error="no server")}
    made = []
    for screen, letter in enumerate(pattern, start):
        one = Target(f"t{screen}", f"{screen}.png", "it", ((0.0, 0.0, 400.0, 400.0),), (1000, 1000))
        made += [Row(one, "i", budget, policy, replies[letter])] if letter in replies else []
    return made


def compared(first: list[Row], second: list[Row]) -> Comparison:
    return compare(first, second, {"runtime": {"model": "a", "mlx": "1"}}, {"runtime": {"model": "b", "mlx": "1"}})


def test_hits_of_one_side_alone_give_mcnemars_p() -> None:
    made = compared(rows("hhhhhhmmmmmmhhhh"), rows("mhhhhhhhhhhhhhhh"))
    large, every = made.paired
    assert (large.regime, every.regime) == ("large", "all")
    assert (large.first_only, large.second_only, large.n, large.screens) == (1, 6, 16, 16)
    assert large.p == pytest.approx(0.125)
    assert (large.first_hits, large.second_hits, large.hits) == (0.625, 0.9375, 0.3125)
    assert (large.first_iou, large.second_iou, large.iou) == (0.625, 0.9375, 0.3125)
    assert large.hits_low is not None
    assert large.hits_high is not None
    assert large.hits_low <= 0 < large.hits_high  # 7 of 16 differ: the interval says the same as p
    assert replace(every, regime="large") == large


def test_equal_runs_do_not_differ() -> None:
    made = compared(rows("hmhmhmhmhmhm"), rows("hmhmhmhmhmhm"))
    assert (made.paired[0].p, made.paired[0].hits, made.paired[0].first_only) == (1.0, 0.0, 0)
    assert made.paired[0].hits_low == pytest.approx(-(1 - 0.025 ** (1 / 12)), abs=1e-4)


def test_failed_targets_are_left_out_and_counted() -> None:
    one = compared(rows("hxhmxh"), rows("hhxmxh")).paired[0]
    assert (one.n, one.failed, one.first_only, one.second_only) == (3, 3, 0, 0)
    assert one.note == "3 answers on 3 screens: an interval needs 10 screens"


def test_targets_of_one_run_alone_and_changed_ones_are_counted() -> None:
    second = rows("hhhhhh", start=2)
    second[0] = replace(second[0], image_id="another")
    moved = replace(second[1].target, expected=((0.0, 0.0, 300.0, 400.0),))
    second[1] = replace(second[1], target=moved)
    made = compared(rows("hhhhhh"), second)
    assert (made.common, made.changed, made.first_only, made.second_only) == (2, 2, 2, 2)
    assert made.paired[0].n == 2


def test_what_differs_is_named() -> None:
    changes = compared(rows("hh"), rows("hm")).changes
    assert [(change.name, change.first, change.second) for change in changes] == [("runtime.model", "'a'", "'b'")]
    made = compare(rows("h"), rows("h"), {"data": {"a": 1}, "path": "x"}, {"data": {"b": {"c": 2}}, "path": "y"})
    assert [change.name for change in made.changes] == ["data.a", "data.b"]


def test_settings_of_both_runs_are_compared_with_each_other() -> None:
    first = [*rows("hm", 64), *rows("hm", 256), *rows("hm", 256, "zoom"), *rows("hm", "checkpoint")]
    second = [*rows("hh", 256), *rows("hh", 64), *rows("mm", 256, "search"), *rows("mm", 1024)]
    made = compared(first, second)
    pairs = [(one.policy, one.budget, one.other_policy, one.other_budget) for one in made.paired if one.regime == "all"]
    assert pairs == [
        ("flat", 64, "flat", 64), ("flat", 256, "flat", 256), ("flat", "checkpoint", "flat", 1024),
        ("zoom", 256, "search", 256),
    ]  # fmt: skip
    assert (made.unpaired_first, made.unpaired_second) == ((), ())


def test_settings_without_a_counterpart_are_named() -> None:
    made = compared([*rows("hm", 64), *rows("hm", 256)], [*rows("hm", 64), *rows("h", 256, "a"), *rows("h", 256, "b")])
    assert len(made.paired) == 2
    assert [setting.budget for setting in made.unpaired_first] == [256]
    assert [setting.policy for setting in made.unpaired_second] == ["a", "b"]


def test_targets_in_another_order_are_paired_by_name() -> None:
    first, second = rows("hhhmmm"), rows("hhhmmm")[::-1]
    one = compared(first, second).paired[0]
    assert (one.first_only, one.second_only) == (0, 0)


def test_points_are_compared_by_hits_alone() -> None:
    one = compared(rows("ppmm"), rows("hhhh")).paired[0]
    assert (one.first_hits, one.second_hits, one.n) == (0.5, 1.0, 4)
    assert (one.first_iou, one.second_iou, one.iou) == (0.0, 1.0, 1.0)  # of the two targets with boxes in both


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        (rows("hh", start=5), "expected targets that both runs asked for; got none among 2 and 2. "),
        ([replace(row, image_id="j") for row in rows("hh")], "2 of them under one name but with other boxes or images"),
        ([*rows("hh", 64, "zoom"), *rows("hh", 64, "search")], "expected a budget and policy of both runs"),
    ],
)
def test_runs_that_have_nothing_in_common_are_refused(second: list[Row], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        compared(rows("hh"), second)


def test_json_is_plain() -> None:
    made = compared(rows("hhhhhhmmmmmmhhhh"), rows("mhhhhhhhhhhhhhhh")).as_dict()
    assert json.loads(json.dumps(made, allow_nan=False))["schema"] == "mlx-saccade/sweep-compare/1"
