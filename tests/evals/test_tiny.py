"""The evaluation of the packaged checkpoint: its questions, scores and figures."""

from __future__ import annotations

import dataclasses
import json
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mlx_saccade as saccade
from mlx_saccade.cli.__main__ import main
from mlx_saccade.engine import Engine
from mlx_saccade.engine.request import locate
from mlx_saccade.engine.shared_image import SharedImage
from mlx_saccade.errors import InputError
from mlx_saccade.evals import bin_of, share_of, tiny
from mlx_saccade.evals.tiny import measure, questions, summary, workers
from mlx_saccade.evals.tiny.evaluate import MAX_SCREENS
from mlx_saccade.grounding import Box
from mlx_saccade.scenes import Element, annotate, generate

Row = dict[str, Any]


@pytest.fixture(scope="module")
def loaded() -> Engine:
    return saccade.load()


@pytest.fixture
def known_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use screens whose elements a test knows, whatever the seeds of the evaluation are."""
    for part, first in (("range", 100_000), ("law", 510_000), ("ambiguity", 610_000)):
        monkeypatch.setitem(questions.SEEDS, part, range(first, first + 1000))


def test_a_shared_image_answers_as_the_engine_does_one_by_one(loaded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = generate(11, (640, 400))
    texts = [locate(element.description) for element in scene.elements[:5]]
    texts += [questions.what_is_at((100, 60)), questions.what_is_in((10, 10.4, 90, 80)), locate("it")]
    monkeypatch.setattr("mlx_saccade.engine.shared_image.ROWS", 2)
    together = [answer.text for answer in loaded.shared_image(scene.image, budget=48).ask(texts, max_tokens=24)]
    assert together == [loaded.ask(scene.image, text, budget=48, max_tokens=24).text for text in texts]
    assert len(set(together)) > 2


def test_the_questions_words() -> None:
    assert questions.what_is_at((3.4, 12.6)) == "what is at (3, 13)?"
    assert questions.what_is_in((1, 2.2, 30.6, 4)) == "what is in the box [1, 2, 31, 4]?"


@pytest.mark.parametrize("point", [(1, 2, 3), (1,), (1, float("nan")), (1, float("inf")), "12", (1, "2"), None, 4])
def test_what_is_no_point_and_no_box_is_refused(point: Any) -> None:
    with pytest.raises(InputError, match=r"point: expected \(x, y\), two finite numbers; got "):
        questions.what_is_at(point)
    with pytest.raises(InputError, match=r"box: expected \(x1, y1, x2, y2\), four finite numbers; got "):
        questions.what_is_in(point)


@pytest.mark.parametrize(
    ("asked", "message"), [("what is at (3, 3)?", "in a list"), (7, "list of texts"), ([3], "is a text; got 3")]
)
def test_ask_refuses_anything_but_a_list_of_questions(asked: Any, message: str, loaded: Engine) -> None:
    shared = loaded.shared_image(generate(11, (320, 240)).image, budget=48)
    with pytest.raises(InputError, match=message):
        shared.ask(asked)
    assert shared.ask([]) == []


def sampled(unit: int) -> tuple[list[Element], saccade.Plan]:
    """Return the targets and plan of an in-range screen, without drawing it."""
    size = questions.SIZES[unit % len(questions.SIZES)]
    plan = saccade.plan(size, budget=questions.BUDGETS[unit % len(questions.BUDGETS)])
    return questions.range_targets(annotate(questions.SEEDS["range"][unit], size)[0], plan, unit), plan


def is_large(element: Element, plan: saccade.Plan) -> bool:
    return bin_of(share_of(element, plan.source_size)) == "large"


def test_what_is_sampled_without_drawing_is_what_is_asked_for(loaded: Engine) -> None:
    drawn = questions.range_screen(3)
    assert drawn is not None
    plan = loaded.plan(drawn[0].image, budget=drawn[1])
    assert (questions.range_targets(drawn[0].elements, plan, 3), plan.grid_thw) == (
        sampled(3)[0],
        sampled(3)[1].grid_thw,
    )


def test_targets_in_range_are_wide_enough_and_seldom_large_on_every_screen() -> None:
    count = large = 0
    for unit in range(150):
        chosen, plan = sampled(unit)
        assert 1 <= len(chosen) <= questions.RANGE_TARGETS and len({element.box for element in chosen}) == len(chosen)
        for element in chosen:
            x1, y1, x2, y2 = plan.to_model(element.box)
            assert min(x2 - x1, y2 - y1) >= 28 - 1e-6
        here = sum(is_large(element, plan) for element in chosen)
        assert here <= 0.3 * len(chosen) or (here, len(chosen)) == (1, 1)
        count, large = count + len(chosen), large + here
    assert 0.15 < large / count < questions.LARGE_SHARE


def test_large_targets_are_pointed_at_as_often_as_they_are_asked_for() -> None:
    placed, pointed = [], []
    for unit in range(150):
        chosen, plan = sampled(unit)
        picked = questions.targets_to_point_at(chosen, unit)
        assert picked == questions.targets_to_point_at(chosen, unit) and len(picked) == min(3, len(chosen))
        assert all(element in chosen for element in picked)
        if len(chosen) > 3:  # where not all are
            placed += [is_large(element, plan) for element in chosen]
            pointed += [is_large(element, plan) for element in picked]
    assert sum(pointed) / len(pointed) == pytest.approx(sum(placed) / len(placed), abs=0.04)
    assert sum(pointed) > 10


def test_every_screen_in_range_spends_at_least_64_tokens_at_the_lowest_budget_that_does() -> None:
    def least(budget: int) -> int:
        return min(saccade.plan(size, budget=budget).tokens for size in questions.SIZES)

    assert least(questions.BUDGETS[0]) >= 64 > least(questions.BUDGETS[0] - 1)
    assert max(saccade.plan(size, budget=questions.BUDGETS[-1]).tokens for size in questions.SIZES) <= 256


def test_no_two_parts_draw_one_screen_nor_one_that_was_trained_on() -> None:
    ranges = sorted(questions.SEEDS.values(), key=lambda seeds: seeds.start)
    assert ranges[0].start > 1000  # units that trainings were compared on
    for one, following in pairwise([*ranges, range(1_000_000, 1_000_001)]):  # training/screens.py draws from there on
        assert one.stop <= following.start
    for part, seeds in questions.SEEDS.items():
        assert len(seeds) >= 10 * tiny.units_of(part, MAX_SCREENS)
        with pytest.raises(InputError, match="expected 1 to 10000; got --screens 10001"):
            tiny.units_of(part, MAX_SCREENS + 1)


def test_points_lie_on_what_they_ask_for(loaded: Engine) -> None:
    scene = generate(5, (1280, 800))
    plan, rng = loaded.plan(scene.image, budget=256), np.random.RandomState(0)
    points = 0
    for element in scene.elements:
        point = questions.inner_point(scene, element, plan, rng)
        if point is not None:
            points += 1
            assert scene.at(point[0] * plan.scale[0], point[1] * plan.scale[1]) is element
    assert points > 10


@pytest.mark.parametrize("seed", range(6))
def test_bare_points_and_boxes_lie_on_nothing(loaded: Engine, seed: int) -> None:
    scene = generate(seed, (1280, 800))
    plan, rng = loaded.plan(scene.image, budget=256), np.random.RandomState(seed)
    (width, height), (across, down) = plan.resized_size, plan.scale
    point, box = questions.bare_point(scene, plan, rng), questions.bare_box(scene, plan, rng)
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
        assert (questions.bare_point(full, plan, rng) is None) == (gap == 0)
        assert questions.bare_box(full, plan, rng) is None


def test_bare_desktop_is_asked_after_everything_else(loaded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with_them = measure.in_range(loaded, 0)
    monkeypatch.setattr(questions, "bare_point", lambda *what: None)
    monkeypatch.setattr(questions, "bare_box", lambda *what: None)
    without = measure.in_range(loaded, 0)
    assert with_them[: len(without)] == without
    assert [row["asked"] for row in with_them[len(without) :]] == ["bare point", "bare box"]
    for row in with_them[len(without) :]:
        assert row["right"] == (row["said"] == "[]") and (row["budget"], row["tokens"]) == (76, 66)


def test_law_targets_are_at_most_eight_of_a_size() -> None:
    scene, targets = questions.law_targets(2)
    sizes = [bin_of(target.share) for target in targets]
    assert scene.size == (3840, 2160)
    assert 1 <= max(map(sizes.count, sizes)) <= 8
    for target in targets:
        (x1, y1, x2, y2), *others = target.boxes
        assert not others and [e.box for e in scene.matching(target.description)] == [(x1, y1, x2, y2)]


def test_the_targets_that_are_zoomed_to_are_those_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, box = generate(2, (640, 400)), (0, 0, 16, 16)
    targets = [questions.Target("it", (box,), share) for share in (0.0005, 0.001, 0.0011)]
    monkeypatch.setattr(questions, "law_targets", lambda unit: (scene, targets))
    monkeypatch.setattr(
        measure, "_locate_all", lambda engine, image, targets, budget: ([(Box(box),)] * len(targets), 4)
    )
    for figure in summary.zoom([(0, row) for row in measure.law(None, 0)]):  # type: ignore[arg-type]
        assert figure["n"] == figure["flat"]["n"] == 2


@pytest.mark.usefixtures("known_screens")
@pytest.mark.parametrize("unit", [0, 1, 2])
def test_ambiguous_descriptions_fit_two_and_clean_ones_one_of_like_kind_and_size(unit: int) -> None:
    scene, doubled, single = questions.ambiguous_targets(unit)
    assert len(single) == len(doubled) <= 8
    assert len(doubled) == {0: 8, 1: 8, 2: 0}[unit]
    assert len({target.boxes for target in [*doubled, *single]}) == 2 * len(doubled)
    for targets, count in ((doubled, 2), (single, 1)):
        for target in targets:
            assert len(target.boxes) == count
            assert {e.box for e in scene.matching(target.description)} == set(target.boxes)
    for pair in zip(doubled, single, strict=True):
        (kind,) = {element.kind for target in pair for element in scene.matching(target.description)}
        assert kind in scene.matching(pair[0].description)[0].description
        assert 1 / 1.5 <= pair[0].share / pair[1].share <= 1.5


@pytest.mark.usefixtures("known_screens")
def test_a_screen_without_like_pairs_is_not_looked_at() -> None:
    assert measure.ambiguity(None, 2) == []  # type: ignore[arg-type]


def answer_all(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Answer every question about a shared image with one text."""
    answer = SimpleNamespace(text=text)
    monkeypatch.setattr(SharedImage, "ask", lambda self, questions, max_tokens: [answer] * len(questions))


@pytest.mark.parametrize(
    ("text", "found", "nothing"),
    [("[]", False, True), ("[", False, False), ('[{"bbox_2d": [10, 10, 60, 60], "label": "it"}]', True, False)],
)
def test_rows_tell_nothing_from_malformed(
    loaded: Engine, monkeypatch: pytest.MonkeyPatch, text: str, found: bool, nothing: bool
) -> None:
    answer_all(monkeypatch, text)
    rows: dict[str, list[Row]] = {}
    for row in measure.in_range(loaded, 1):
        rows.setdefault(row["asked"], []).append(row)
    assert {(row["found"], row["nothing"]) for row in rows["place"]} == {(found, nothing)}
    assert {(row["found"], row["right"]) for row in rows["absent"]} == {(found, nothing)}
    assert {row["share"] for row in rows["box"]} <= {row["share"] for row in rows["place"]}


@pytest.mark.usefixtures("known_screens")
@pytest.mark.parametrize(
    ("text", "right", "looks"),
    [
        ("the green folder icon on the desktop", True, True),
        ("the green folder icon", False, True),
        ("the green folder icon in the blue window", False, False),
        ("the blue folder icon on the desktop", False, False),
    ],
)
def test_color_and_kind_are_judged_apart_from_place_and_side(
    loaded: Engine, monkeypatch: pytest.MonkeyPatch, text: str, right: bool, looks: bool
) -> None:
    answer_all(monkeypatch, text)
    rows = [row for row in measure.in_range(loaded, 7) if row["asked"] in ("point", "box")]
    described = [row for row in rows if row["true"] == "the green folder icon on the desktop"]
    assert described and all((row["right"], row["looks"]) == (right, looks) for row in described)
    assert not any(row["right"] or row["looks"] for row in rows if row not in described)


def fake_parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Use parts that answer at once; return a list that fills with their units."""
    units: list[tuple[str, int]] = []
    place = {"asked": "place", "relation": False, "share": 0.02, "budget": 76, "tokens": 66,
             "iou": 0.5, "hit": True, "found": True, "nothing": False}  # fmt: skip

    def part(name: str, row: Row) -> Any:
        def ask(engine: Engine, unit: int) -> list[Row]:
            units.append((name, unit))
            return [] if name == "range" and unit == 1 else [row]

        return ask

    law = {"asked": "law", "budget": 256, "tokens": 250, "share": 0.0001, "iou": 0.2, "hit": False, "found": True}
    rows = {"range": place, "law": law, "ambiguity": {**law, "asked": "ambiguity", "ambiguous": True}}
    monkeypatch.setattr(workers, "PARTS", {name: part(name, row) for name, row in rows.items()})
    monkeypatch.setattr("mlx_saccade.engine.load", lambda model, **how: None)
    return units


def test_screens_with_too_few_elements_are_passed_over_and_nothing_is_asked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = fake_parts(monkeypatch)
    done: list[int] = []
    parts = tiny.evaluate(tiny.serial(None), 3, tiny.open_run(tmp_path / "j", "m"), done.append)
    assert [screen for screen, _ in parts["range"]] == [0, 2, 3]
    assert done == sorted(done) and done[-1] == 3 + 2 * tiny.scenes_for(3)
    count = len(units)
    monkeypatch.setattr("mlx_saccade.engine.load", None)  # whoever has nothing to ask loads nothing
    assert (
        tiny.missing(tiny.open_run(tmp_path / "j", "m"), 3) == 0 < tiny.missing(tiny.open_run(tmp_path / "k", "m"), 3)
    )
    assert tiny.evaluate(tiny.serial(None), 3, tiny.open_run(tmp_path / "j", "m")) == parts
    assert len(units) == count


def test_the_command_prints_figures_and_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_parts(monkeypatch)
    words = ["tiny", "evaluate", "--screens", "3", "--out", str(tmp_path / "j")]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "what is at a point" in text and "'nothing' for a bare box" in text
    assert "3 screens, 66 to 66 tokens" in text and "at a budget of 76 (66 to 66 tokens)" in text
    assert main([*words, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["range"]["places"]["iou"] == 0.5 and figures["law"][-3]["n"] == 2
    assert main([*words, "--parts", "law", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"journal", "screens", "law", "zoom"}
    too_many = ["--screens", "1000000000"]
    for wrong in (["--parts", "law,lore"], ["--processes", "0"], ["--parts", "range", "--screens", "0"], too_many):
        assert main([*words, *wrong, "--out", str(tmp_path / "k")]) == 2
        assert " ".join(wrong[-2:]) in capsys.readouterr().err
        assert not (tmp_path / "k").exists()


@pytest.mark.parametrize(("jobs", "cpus", "started"), [(500, 8, 5), (500, 3, 3), (2, 8, 2), (1, 8, None), (9, 1, None)])
def test_processes_are_at_most_the_missing_units_and_the_cpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int, cpus: int, started: int | None
) -> None:
    from mlx_saccade.cli.commands import tiny as command

    fake_parts(monkeypatch)
    counts: list[int] = []

    def parallel(model: str | None, processes: int, **how: Any) -> Any:
        counts.append(processes)
        return nullcontext(tiny.serial(model, **how))

    monkeypatch.setattr(tiny, "parallel", parallel)
    monkeypatch.setattr(command, "cores", lambda: cpus)
    words = ["tiny", "evaluate", "--screens", "1", "--json", "--processes", str(jobs), "--out", str(tmp_path / "j")]
    assert main(words) == 0
    assert counts == ([] if started is None else [started])
    assert main(words) == 0  # the journal is complete
    assert len(counts) <= 1
