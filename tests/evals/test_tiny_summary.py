"""The summary of an evaluation."""

from __future__ import annotations

from typing import Any

import pytest

from mlx_saccade.evals import interval
from mlx_saccade.evals.tiny import summary

Row = dict[str, Any]


def rows(values: list[tuple[int, float]], **more: Any) -> list[tuple[int, Row]]:
    return [
        (screen, {"iou": value, "hit": value > 0.5, "found": True, "share": 0.0005, **more}) for screen, value in values
    ]


def test_figures_have_the_intervals_of_whole_screens() -> None:
    values = [(screen, float(screen % 2)) for screen in range(10) for _ in range(20)]
    (cell,) = [cell for cell in summary.law(rows(values, asked="law", budget=64)) if cell["n"]]
    assert cell["iou_interval"] == cell["hit_interval"] == interval([values])


def test_zooming_and_ambiguity_by_hand() -> None:
    flat = rows([(0, 0.1), (1, 0.3)], asked="law", budget=256)
    zoomed = rows([(0, 0.4), (1, 0.8)], asked="zoom", crop=0.5)
    half, quarter = summary.zoom([*flat, *zoomed])
    assert half["ratio"] == pytest.approx(3.0) and half["iou"] == pytest.approx(0.6)
    assert quarter["n"] == 0 and quarter["ratio"] is None
    assert summary.zoom([*rows([(0, 0.0), (1, 0.0)], asked="law", budget=256), *zoomed])[0]["ratio"] is None
    means = {(True, 256): 0.8, (True, 1024): 0.2, (False, 256): 0.9, (False, 1024): 0.7}
    answers = [
        row
        for (kind, budget), iou in means.items()
        for row in rows([(screen, iou) for screen in range(10)], ambiguous=kind, budget=budget)
    ]
    (figure,) = summary.ambiguity(answers)
    assert figure["ambiguous_drop"] == pytest.approx(0.6) and figure["clean_drop"] == pytest.approx(0.2)
    assert figure["excess"] == pytest.approx(0.4) and figure["excess_interval"] == (0.4, 0.4)
    assert (figure["n"], figure["screens"]) == ([10, 10], 10)


def placed(share: float, **more: Any) -> Row:
    """An answer with a box."""
    about = {"asked": "place", "relation": False, "share": share, "budget": 76, "tokens": 66}
    return {**about, "iou": 0.5, "hit": True, "found": True, "nothing": False, **more}


def test_in_range_counts_screens_and_tokens_of_every_figure() -> None:
    pointed = {"asked": "point", "relation": True, "budget": 256, "tokens": 240, "right": False, "looks": True}
    answers = [(0, placed(0.02)), (0, placed(0.02)), (1, placed(0.2, tokens=70)), (2, {**pointed, "share": 0.2})]
    figures = summary.in_range(answers)
    assert (figures["screens"], figures["tokens"]) == (3, (66, 240))
    assert (figures["places"]["n"], figures["places"]["screens"]) == (3, 2)
    assert figures["by_budget"]["76"]["tokens"] == (66, 70) and figures["by_budget"]["256"]["tokens"] is None
    assert [cell["screens"] for cell in figures["by_size"].values()] == [1, 1, 0, 0]
    assert [cell["n"] for cell in figures["point_by_size"].values()] == [1, 0, 0, 0]
    assert (figures["point"]["right"], figures["point_looks"]["x"]) == (0, 1)
    assert figures["point_plain"]["n"] == figures["box_by_size"]["large"]["n"] == 0


def test_in_range_reports_too_many_large_targets() -> None:
    summaries = [summary.in_range([(n, placed(0.2 if n < large else 0.02)) for n in range(10)]) for large in (3, 4)]
    assert [(figures["large_share"], figures["too_many_large"]) for figures in summaries] == [(0.3, False), (0.4, True)]


def test_in_range_counts_malformed_answers_apart_from_nothing() -> None:
    nothing, malformed = {"found": False, "nothing": True}, {"found": False, "nothing": False}
    places = [placed(0.02), placed(0.02), placed(0.02, **nothing), placed(0.02, **malformed)]
    absent = [
        {"asked": "absent", "tokens": 66, "right": right, "found": found}
        for right, found in ((True, False), (False, True), (False, False), (False, False))
    ]
    figures = summary.in_range(list(enumerate(places + absent)))
    assert (figures["false_nothing"]["x"], figures["malformed"]["x"]) == (0.25, 0.25)
    assert (figures["absent"]["right"], figures["absent_malformed"]["x"]) == (0.25, 0.5)
