"""The sweep: its arithmetic, its run log, and the page of its results."""

from __future__ import annotations

import dataclasses
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlx_saccade as saccade
from mlx_saccade import evals, scenes
from mlx_saccade.errors import InputError
from mlx_saccade.grounding import Box

SETUP = evals.Setup(model="packaged", size=(320, 240), seeds=(1, 3), budgets=(16, 64), targets=2)


def record(seed: int = 1, target: int = 0, budget: int = 16, share: float = 0.2, iou: float = 0.5) -> evals.Record:
    return evals.Record(seed, target, "it", budget, budget - 1, share, iou, iou > 0.4, 0.1)


class Perfect:
    """An engine that knows every box, and moves it by as many pixels as its budget is below 64."""

    store = SimpleNamespace(on=False)

    def __init__(self) -> None:
        self.questions: list[tuple[str, int]] = []
        self.boxes = {}
        for seed in SETUP.seeds:
            targets = evals.choose_targets(scenes.generate(seed, SETUP.size), seed, SETUP.targets)
            self.boxes.update({e.description: e.box for e in targets})

    def locate(self, image: object, description: str, *, budget: int) -> object:
        self.questions.append((description, budget))
        x1, y1, x2, y2 = self.boxes[description]
        moved = Box((x1 + 64 - budget, y1, x2 + 64 - budget, y2), description)
        used = type("Used", (), {"tokens": budget})()
        return type("Answer", (), {"boxes": (moved,), "frames": (used,), "timings": {"vision": 0.25, "answer": 0.5}})()


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(1, 30))
def test_choose_targets_takes_all_sizes_and_each_element_once(seed: int, targets: int) -> None:
    scene = scenes.generate(seed, (640, 400))
    chosen = evals.choose_targets(scene, seed, targets)
    assert chosen == evals.choose_targets(scene, seed, targets + 5)[:targets]
    assert len(chosen) == min(targets, len(scene.elements)) == len({e.box for e in chosen})
    all_sizes, sizes = (
        [evals.bin_of((e.box[2] - e.box[0]) * (e.box[3] - e.box[1]) / (640 * 400)) for e in elements]
        for elements in (scene.elements, chosen)
    )
    if targets >= len(set(all_sizes)):
        assert set(sizes) == set(all_sizes)
    counts = {size: sizes.count(size) for size in set(all_sizes)}
    for size, count in counts.items():
        assert count == all_sizes.count(size) or count >= max(counts.values()) - 1


def test_measure_asks_everything_once_and_scores_it() -> None:
    engine = Perfect()
    records = list(evals.measure(engine, SETUP))
    assert len(records) == len(set(engine.questions)) == 8
    assert all(r.iou == 1 and r.hit for r in records if r.budget == 64)
    assert all(r.iou < 1 for r in records if r.budget == 16)
    assert {r.seconds for r in records} == {0.75}


def test_measure_encodes_the_image_for_every_question() -> None:
    engine = saccade.load(cache_memory=0)
    count = len(list(evals.measure(engine, SETUP)))
    assert count == 8
    assert (engine.counts.vision_calls, engine.counts.resizes, engine.counts.reused_tokens) == (count, count, 0)


def test_measure_refuses_an_engine_with_a_cache(tmp_path: Path) -> None:
    for options in ({}, {"cache_memory": 0, "cache_dir": tmp_path / "cache"}):
        engine = saccade.load(**options)
        with pytest.raises(InputError, match="Load it with cache_memory=0"):
            evals.measure(engine, SETUP)
        assert engine.counts.vision_calls == 0


def test_run_log_resumes_a_stopped_sweep(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    log = evals.open_run(path, SETUP, "a")
    assert log.entries == []
    for answer in list(evals.measure(Perfect(), SETUP))[:3]:
        log.add(answer)
    with path.open("a") as stream:
        stream.write('{"seed": 1, "tar')
    assert evals.read_run(path) == (SETUP, log.entries)
    again = evals.open_run(path, SETUP, "a")
    assert again.entries == log.entries
    engine = Perfect()
    for answer in evals.measure(engine, SETUP, {r.key for r in again.entries}):
        again.add(answer)
    assert len(engine.questions) == 5
    setup, records = evals.read_run(path)
    assert (setup, records) == (SETUP, again.entries)
    assert {r.key for r in records} == {(s, t, b) for s in (1, 3) for t in (0, 1) for b in (16, 64)}


def test_run_log_of_other_answers_is_refused(tmp_path: Path) -> None:
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


def test_run_log_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        evals.open_run(tmp_path / "none" / "s.jsonl", SETUP, "a")
    with pytest.raises(InputError, match="got a folder"):
        evals.open_run(tmp_path, SETUP, "a")


OLD = json.dumps({"format": 2, **dataclasses.asdict(SETUP)})
NO_SETUP = json.dumps({"format": 3, "scenes": scenes.VERSION, "model": "a", "setup": {"model": "packaged", "size": 5}})


@pytest.mark.parametrize("text", ["", "nonsense\n", '{"format": 1}\n', OLD, NO_SETUP, "[1]\n", "\xff\n"])
def test_run_log_refuses_another_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(f"{text}\n".encode("latin-1"))
    for wrong in (lambda: evals.read_run(path), lambda: evals.open_run(path, SETUP, "a")):
        with pytest.raises(InputError, match=r"s\.jsonl"):
            wrong()
    assert path.read_bytes() == f"{text}\n".encode("latin-1")


def test_run_log_names_a_damaged_line(tmp_path: Path) -> None:
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


def test_command_line_sweep_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlx_saccade import engine
    from mlx_saccade.cli.__main__ import main

    load, loaded = engine.load, []
    monkeypatch.setattr(engine, "load", lambda *what, **how: loaded.append(load(*what, **how)) or loaded[-1])
    path = tmp_path / "s.jsonl"
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
        str(path),
        "--json",
    ]
    assert main(words) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["questions"] == loaded[0].counts.vision_calls == 2
    before = path.read_bytes()
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert path.read_bytes() == before


def test_a_sweep_killed_at_a_random_moment_resumes_to_the_same_answers(tmp_path: Path) -> None:
    size = ["--n", "2", "--size", "448x336", "--budgets", "16,64", "--targets", "3", "--json"]

    def command(name: str) -> list[str]:
        return [sys.executable, "-m", "mlx_saccade", "sweep", *size, "--out", str(tmp_path / name)]

    killed = tmp_path / "killed.jsonl"
    process = subprocess.Popen(command("killed.jsonl"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not killed.exists() or killed.read_bytes().count(b"\n") < 2:
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(0.3 * random.random())
    finally:
        process.kill()
        process.wait()
    for name in ("killed.jsonl", "whole.jsonl"):
        subprocess.run(command(name), check=True, capture_output=True, timeout=120)

    def untimed(records: list[evals.Record]) -> list[evals.Record]:
        return [dataclasses.replace(one, seconds=0.0) for one in records]

    resumed, whole = evals.read_run(killed), evals.read_run(tmp_path / "whole.jsonl")
    assert resumed[0] == whole[0]
    assert untimed(resumed[1]) == untimed(whole[1])
