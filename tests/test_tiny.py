"""The evaluation of the packaged checkpoint: what is asked, how it is scored, kept and summed up."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import saccade
from saccade import tiny
from saccade.cli.__main__ import main
from saccade.engine import Engine
from saccade.errors import InputError
from saccade.grounding import Box
from saccade.scenes import generate
from saccade.sweep import bin_of, interval, share_of
from saccade.tiny import asking, bare, measure, questions, summary, workers

Row = dict[str, Any]


@pytest.fixture(scope="module")
def loaded() -> Engine:
    return saccade.load()


def test_a_sitting_answers_as_the_engine_does_one_by_one(loaded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = generate(11, (640, 400))
    texts = [questions.locate(element.description) for element in scene.elements[:5]]
    texts += [questions.what_is_at((100, 60)), questions.what_is_in((10, 10.4, 90, 80)), questions.locate("it")]
    monkeypatch.setattr("saccade.tiny.sitting.TOGETHER", 2)
    together = tiny.Sitting(loaded, scene.image, budget=48).ask(texts, max_tokens=24)
    assert together == [loaded.ask(scene.image, text, budget=48, max_tokens=24).text for text in texts]
    assert len(set(together)) > 2


def test_the_questions_words() -> None:
    assert questions.what_is_at((3.4, 12.6)) == "what is at (3, 13)?"
    assert questions.what_is_in((1, 2.2, 30.6, 4)) == "what is in the box [1, 2, 31, 4]?"


@pytest.mark.parametrize("point", [(1, 2, 3), (1,), (1, float("nan")), (1, float("inf")), "12", (1, "2"), None, 4])
def test_what_is_no_point_and_no_box_is_refused(point: Any) -> None:
    with pytest.raises(InputError, match=r"a point is \(x, y\), two finite numbers; got "):
        questions.what_is_at(point)
    with pytest.raises(InputError, match=r"a box is \(x1, y1, x2, y2\), four finite numbers; got "):
        questions.what_is_in(point)


@pytest.mark.parametrize(
    ("asked", "message"), [("what is at (3, 3)?", "in a list"), (7, "list of texts"), ([3], "is a text; got 3")]
)
def test_what_is_no_list_of_questions_is_refused(asked: Any, message: str, loaded: Engine) -> None:
    sitting = tiny.Sitting(loaded, generate(11, (320, 240)).image, budget=48)
    with pytest.raises(InputError, match=message):
        sitting.ask(asked)
    assert sitting.ask([]) == []


@pytest.mark.parametrize("seed", range(0, 40, 8))
def test_targets_in_range_are_wide_enough_and_seldom_large(loaded: Engine, seed: int) -> None:
    drawn = asking.screen(seed)
    assert drawn is not None
    scene, budget = drawn
    plan = loaded.plan(scene.image, budget=budget)
    chosen = asking.in_range(scene, plan, seed)
    assert chosen == asking.in_range(scene, plan, seed)
    assert len(chosen) <= asking.PLACES and len({element.box for element in chosen}) == len(chosen)
    large = 0
    for element in chosen:
        x1, y1, x2, y2 = plan.to_model(element.box)
        assert min(x2 - x1, y2 - y1) >= 28 - 1e-6
        large += share_of(element, scene.size) > 0.05
    assert large <= 0.3 * len(chosen)


def test_points_lie_on_what_they_ask_for(loaded: Engine) -> None:
    scene = generate(5, (1280, 800))
    plan, rng = loaded.plan(scene.image, budget=256), np.random.RandomState(0)
    found = 0
    for element in scene.elements:
        point = asking.inner_point(scene, element, plan, rng)
        if point is not None:
            found += 1
            assert scene.at(point[0] * plan.scale[0], point[1] * plan.scale[1]) is element
    assert found > 10


@pytest.mark.parametrize("seed", range(6))
def test_bare_points_and_boxes_lie_on_nothing(loaded: Engine, seed: int) -> None:
    scene = generate(seed, (1280, 800))
    plan, rng = loaded.plan(scene.image, budget=256), np.random.RandomState(seed)
    (width, height), (across, down) = plan.resized_size, plan.scale
    point, box = bare.point(scene, plan, rng), bare.box(scene, plan, rng)
    assert point is not None and box is not None
    assert scene.at(point[0] * across, point[1] * down) is None
    x1, y1, x2, y2 = box
    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
    assert {x2 - x1, y2 - y1} <= set(range(28, 85))
    for left, top, right, bottom in (element.box for element in scene.elements):
        assert right <= x1 * across or left >= x2 * across or bottom <= y1 * down or top >= y2 * down


def test_what_is_covered_has_no_bare_place(loaded: Engine) -> None:
    scene = generate(3, (1280, 800))
    plan, rng = loaded.plan(scene.image, budget=64), np.random.RandomState(0)
    for gap in (0, 90):  # source pixels below the only element; 90 are some 20 of the model's
        one = dataclasses.replace(scene.elements[0], box=(0, 0, 1280, 800 - gap))
        full = dataclasses.replace(scene, elements=(one,))
        assert (bare.point(full, plan, rng) is None) == (gap == 0)
        assert bare.box(full, plan, rng) is None


def test_bare_desktop_is_asked_after_everything_else(loaded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with_them = measure.in_range(loaded, 0)
    monkeypatch.setattr(bare, "point", lambda *what: None)
    monkeypatch.setattr(bare, "box", lambda *what: None)
    without = measure.in_range(loaded, 0)
    assert with_them[: len(without)] == without
    assert [row["asked"] for row in with_them[len(without) :]] == ["bare point", "bare box"]
    for row in with_them[len(without) :]:
        assert row["right"] == (row["said"] == "[]") and row["budget"] == 64


def test_law_targets_are_at_most_eight_of_a_size() -> None:
    scene, targets = asking.law_targets(2)
    sizes = [bin_of(target.share) for target in targets]
    assert scene.size == (3840, 2160)
    assert 1 <= max(map(sizes.count, sizes)) <= 8
    for target in targets:
        (x1, y1, x2, y2), *others = target.boxes
        assert not others and [e.box for e in scene.matching(target.description)] == [(x1, y1, x2, y2)]


def test_the_targets_that_are_zoomed_to_are_those_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, box = generate(2, (640, 400)), (0, 0, 16, 16)
    targets = [asking.Target("it", (box,), share) for share in (0.0005, 0.001, 0.0011)]
    monkeypatch.setattr(asking, "law_targets", lambda unit: (scene, targets))
    monkeypatch.setattr(measure, "_places", lambda engine, image, asked, budget: ([(Box(box),)] * len(asked), 4))
    for figure in summary.zoom([(0, row) for row in measure.law(None, 0)]):  # type: ignore[arg-type]
        assert figure["n"] == figure["flat"]["n"] == 2


def test_ambiguous_descriptions_fit_two_and_clean_ones_one() -> None:
    scene, doubled, single = asking.alike(1)
    assert doubled and len(single) <= len(doubled) <= 8
    for targets, count in ((doubled, 2), (single, 1)):
        for target in targets:
            assert len(target.boxes) == count
            assert {e.box for e in scene.matching(target.description)} == set(target.boxes)


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
    told = {(True, 256): 0.8, (True, 1024): 0.2, (False, 256): 0.9, (False, 1024): 0.7}
    asked = [
        row
        for (kind, budget), iou in told.items()
        for row in rows([(screen, iou) for screen in range(10)], ambiguous=kind, budget=budget)
    ]
    (found,) = summary.ambiguity(asked)
    assert found["ambiguous_drop"] == pytest.approx(0.6) and found["clean_drop"] == pytest.approx(0.2)
    assert found["excess"] == pytest.approx(0.4) and found["excess_interval"] == (0.4, 0.4)


def fake_parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Parts that answer at once; the list fills with the units asked."""
    asked: list[tuple[str, int]] = []
    place = {"asked": "place", "relation": False, "budget": 64, "share": 0.02, "iou": 0.5, "hit": True, "found": True}

    def part(name: str, row: Row) -> Any:
        def ask(engine: Engine, unit: int) -> list[Row]:
            asked.append((name, unit))
            return [] if name == "range" and unit == 1 else [row]

        return ask

    law = {"asked": "law", "budget": 256, "share": 0.0001, "iou": 0.2, "hit": False, "found": True}
    made = {"range": place, "law": law, "ambiguity": {**law, "ambiguous": True}}
    monkeypatch.setattr(workers, "PARTS", {name: part(name, row) for name, row in made.items()})
    return asked


def test_screens_with_too_few_elements_are_passed_over_and_nothing_is_asked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = fake_parts(monkeypatch)
    done: list[int] = []
    parts = tiny.evaluate(tiny.alone(None), 3, tiny.Journal(tmp_path / "j", "m"), done.append)  # type: ignore[arg-type]
    assert [screen for screen, _ in parts["range"]] == [0, 2, 3]
    assert done == sorted(done) and done[-1] == 3 + 2 * tiny.scenes_for(3)
    count = len(asked)
    assert tiny.evaluate(tiny.alone(None), 3, tiny.Journal(tmp_path / "j", "m")) == parts  # type: ignore[arg-type]
    assert len(asked) == count


def test_the_command_prints_figures_and_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_parts(monkeypatch)
    words = ["tiny", "evaluate", "--screens", "3", "--out", str(tmp_path / "j")]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "what is at a point" in told and "nothing said of a bare box" in told
    assert "budgets of 64 to 256 tokens" in told
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["range"]["places"]["iou"] == 0.5 and found["law"][-3]["n"] == 2
    assert main([*words, "--parts", "law", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"journal", "screens", "law", "zoom"}
    for wrong in (["--parts", "law,lore"], ["--processes", "0"], ["--parts", "range", "--screens", "0"]):
        assert main([*words, *wrong, "--out", str(tmp_path / "k")]) == 2
        assert " ".join(wrong[-2:]) in capsys.readouterr().err
        assert not (tmp_path / "k").exists()
