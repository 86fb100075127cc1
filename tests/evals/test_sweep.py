"""The sweep's arithmetic, its journal, and the page drawn from it."""

from __future__ import annotations

import dataclasses
import json
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade import dashboard, evals, scenes
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import Box

SETUP = evals.Setup(model="packaged", size=(320, 240), seeds=(1, 3), budgets=(16, 64), targets=2)


def record(seed: int = 1, target: int = 0, budget: int = 16, share: float = 0.2, iou: float = 0.5) -> evals.Record:
    return evals.Record(seed, target, "it", budget, budget - 1, share, iou, iou > 0.4, 0.1)


class Perfect:
    """An engine that knows every box, moved by as many pixels as its budget is short of 64."""

    store = SimpleNamespace(on=False)

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.known = {}
        for seed in SETUP.seeds:
            picked = evals.choose_targets(scenes.generate(seed, SETUP.size), seed, SETUP.targets)
            self.known.update({e.description: e.box for e in picked})

    def locate(self, image: object, description: str, *, budget: int) -> object:
        self.asked.append((description, budget))
        x1, y1, x2, y2 = self.known[description]
        moved = Box((x1 + 64 - budget, y1, x2 + 64 - budget, y2), description)
        used = type("Used", (), {"tokens": budget})()
        return type("Answer", (), {"boxes": (moved,), "frames": (used,), "timings": {"vision": 0.25, "answer": 0.5}})()


boxes = st.tuples(*[st.integers(0, 50)] * 4).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


@given(boxes, boxes)
def test_iou_equals_counting_pixels(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    def cells(box: tuple[int, ...]) -> set[tuple[int, int]]:
        return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}

    union = cells(a) | cells(b)
    expected = len(cells(a) & cells(b)) / len(union) if union else 0.0
    assert evals.iou(a, b) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("share", "size"),
    [(0.051, "large"), (0.05, "medium"), (0.011, "medium"), (0.01, "small"), (0.0011, "small"), (0.001, "tiny")],
)
def test_bins(share: float, size: str) -> None:
    assert evals.bin_of(share) == size


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 40), st.integers(1, 30))
def test_targets_are_of_all_sizes_and_chosen_once(seed: int, targets: int) -> None:
    scene = scenes.generate(seed, (640, 400))
    picked = evals.choose_targets(scene, seed, targets)
    assert picked == evals.choose_targets(scene, seed, targets + 5)[:targets]
    assert len(picked) == min(targets, len(scene.elements)) == len({e.box for e in picked})
    there, taken = (
        [evals.bin_of((e.box[2] - e.box[0]) * (e.box[3] - e.box[1]) / (640 * 400)) for e in elements]
        for elements in (scene.elements, picked)
    )
    if targets >= len(set(there)):
        assert set(taken) == set(there)
    least = {size: taken.count(size) for size in set(there)}
    for size, count in least.items():
        assert count == there.count(size) or count >= max(least.values()) - 1


def test_measure_asks_everything_once_and_scores_it() -> None:
    engine = Perfect()
    records = list(evals.measure(engine, SETUP))
    assert len(records) == len(set(engine.asked)) == 8
    assert all(r.iou == 1 and r.hit for r in records if r.budget == 64)
    assert all(r.iou < 1 for r in records if r.budget == 16)
    assert {r.seconds for r in records} == {0.75}


def test_every_question_pays_for_its_own_look() -> None:
    engine = saccade.load(cache_memory=0)
    asked = len(list(evals.measure(engine, SETUP)))
    assert asked == 8
    assert (engine.counts.vision_calls, engine.counts.resizes, engine.counts.reused_tokens) == (asked, asked, 0)


def test_an_engine_that_keeps_what_it_saw_is_refused(tmp_path: Path) -> None:
    for kept in ({}, {"cache_memory": 0, "cache_dir": tmp_path / "kept"}):
        engine = saccade.load(**kept)
        with pytest.raises(InputError, match="Load it with cache_memory=0"):
            evals.measure(engine, SETUP)
        assert engine.counts.vision_calls == 0


def test_a_stopped_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    journal = evals.open_run(path, SETUP, "a")
    assert journal.entries == []
    for made in list(evals.measure(Perfect(), SETUP))[:3]:
        journal.add(made)
    with path.open("a") as stream:
        stream.write('{"seed": 1, "tar')
    assert evals.read_run(path) == (SETUP, journal.entries)
    again = evals.open_run(path, SETUP, "a")
    assert again.entries == journal.entries
    engine = Perfect()
    for made in evals.measure(engine, SETUP, {r.key for r in again.entries}):
        again.add(made)
    assert len(engine.asked) == 5
    setup, records = evals.read_run(path)
    assert (setup, records) == (SETUP, again.entries)
    assert {r.key for r in records} == {(s, t, b) for s in (1, 3) for t in (0, 1) for b in (16, 64)}


def test_other_answers_do_not_mix_into_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    evals.open_run(path, SETUP, "a").add(record())
    with pytest.raises(InputError, match="to another setup"):
        evals.open_run(path, evals.Setup("packaged", (320, 240), (1,), (16,), 2), "a")
    with pytest.raises(InputError, match="got answers of another model"):
        evals.open_run(path, SETUP, "b")
    written = path.read_text()
    path.write_text(written.replace(f'"scenes": {scenes.VERSION}', '"scenes": 1'))
    with pytest.raises(InputError, match="got screens of version 1"):
        evals.open_run(path, SETUP, "a")
    path.write_text(written.replace('"format": 3', '"format": 2'))
    for wrong in (lambda: evals.open_run(path, SETUP, "a"), lambda: evals.read_run(path)):
        with pytest.raises(InputError, match="expected format 3; got format 2"):
            wrong()


def test_a_journal_that_could_not_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        evals.open_run(tmp_path / "none" / "s.jsonl", SETUP, "a")
    with pytest.raises(InputError, match="got a folder"):
        evals.open_run(tmp_path, SETUP, "a")


OLD = json.dumps({"format": 2, **dataclasses.asdict(SETUP)})
NO_SETUP = json.dumps({"format": 3, "scenes": scenes.VERSION, "model": "a", "setup": {"model": "packaged", "size": 5}})


@pytest.mark.parametrize("text", ["", "nonsense\n", '{"format": 1}\n', OLD, NO_SETUP, "[1]\n", "\xff\n"])
def test_a_file_that_is_no_journal(text: str, tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(f"{text}\n".encode("latin-1"))
    for wrong in (lambda: evals.read_run(path), lambda: evals.open_run(path, SETUP, "a")):
        with pytest.raises(InputError, match=r"s\.jsonl"):
            wrong()
    assert path.read_bytes() == f"{text}\n".encode("latin-1")


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    evals.open_run(path, SETUP, "a").add(record())
    for line in ('{"seed": 1}', "[]", "null"):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]) + line + "\n")
        with pytest.raises(InputError, match="line 3: expected a question of a sweep; got"):
            evals.read_run(path)


def test_summary_of_known_numbers() -> None:
    records = [record(seed=n, iou=n % 2) for n in range(100)] + [record(share=0.0005, iou=0.25)]
    large, tiny = evals.summarize(records)
    assert (large.size, large.n, large.iou, large.hits, large.tokens) == ("large", 100, 0.5, 0.5, 15)
    # The mean of 100 coin flips has a standard error of 0.05.
    assert large.low == pytest.approx(0.4, abs=0.03)
    assert large.high == pytest.approx(0.6, abs=0.03)
    assert (tiny.size, tiny.low, tiny.iou, tiny.high) == ("tiny", None, 0.25, None)
    assert evals.summarize(records) == [large, tiny]


def test_intervals_draw_whole_screens() -> None:
    # Those of a screen are equal: drawn one by one they would give a narrower interval than screens do.
    values = [float(screen % 2) for screen in range(10) for _ in range(20)]
    (wide,) = evals.summarize([record(seed=n // 20, target=n % 20, iou=value) for n, value in enumerate(values)])
    (narrow,) = evals.summarize([record(seed=n, iou=value) for n, value in enumerate(values)])
    assert wide.low < narrow.low < 0.5 < narrow.high < wide.high
    assert (wide.low, wide.high) == evals.interval([[(n // 20, value) for n, value in enumerate(values)]])


class Strict(HTMLParser):
    """Counts elements and refuses tags that are left open."""

    VOID = ("meta", "line", "circle", "polygon", "polyline", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in self.VOID or tag == "circle":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("budgets", [(16, 64), (64,)])
@pytest.mark.parametrize("screens", [9, 10])
def test_dashboard_draws_every_cell(budgets: tuple[int, ...], screens: int) -> None:
    cells = evals.summarize(
        [record(seed, 0, b, s) for seed in range(screens) for b in budgets for s in (0.2, 0.02, 0.002, 0.0002)]
    )
    setup = evals.Setup("<b>&", SETUP.size, SETUP.seeds, budgets, 2)
    page = dashboard.render(setup, cells)
    parser = Strict()
    parser.feed(page)
    assert parser.open == []
    assert parser.seen.count("circle") == 2 * len(cells)
    assert parser.seen.count("tr") == 1 + len(cells)
    assert parser.seen.count("polygon") == (4 if screens > 9 else 0)
    assert "<b>&" not in page
    assert "http" not in page


def test_command_line_sweep_resumes_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlx_saccade import engine
    from mlx_saccade.cli.__main__ import main

    load, loaded = engine.load, []
    monkeypatch.setattr(engine, "load", lambda *what, **how: loaded.append(load(*what, **how)) or loaded[-1])
    journal, page = tmp_path / "s.jsonl", tmp_path / "page.html"
    words = [
        "sweep",
        "--n",
        "1",
        "--size",
        "448x336",
        "--budgets",
        "64",
        "--targets",
        "2",
        "--out",
        str(journal),
        "--json",
    ]
    assert main(words) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["questions"] == loaded[0].counts.vision_calls == 2
    before = journal.read_bytes()
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert journal.read_bytes() == before
    assert main(["dashboard", str(journal), "--out", str(page)]) == 0
    assert page.read_text().startswith("<!doctype html>")
