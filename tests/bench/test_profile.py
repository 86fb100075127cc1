"""Profiles: their structure, resuming, and sides that cannot run. Times are not tested."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlx_saccade.bench import machine, profile, side_process
from mlx_saccade.bench.ask import Measurement, Question, SideOptions
from mlx_saccade.bench.profile import QUESTIONS, Setup, Turn
from mlx_saccade.bench.run import Machine, Model, Run
from mlx_saccade.bench.side_process import RefusedError, SideProcess
from mlx_saccade.checkpoint import hub
from mlx_saccade.errors import InputError

SETUP = Setup(
    machine=Machine("a CPU", 2, 2**34, "Linux 6", "x86_64", "cpu"),
    versions={"mlx": "0.32"},
    commit="",
    model=Model("packaged", "d", (4, 5), (4, 5)),
    sides=("saccade", "mlx-vlm"),
    budgets=(16, 64),
    rounds=3,
    size=(448, 336),
    answer_tokens=4,
    dtype="float32",
)
SECONDS = dict.fromkeys(("preparation", "vision", "prefill", "first token", "tokens", "whole"), 0.5)


class StandIn:
    """A side without a process: it fails where `broken` says so, and counts what runs."""

    broken: Callable[[str, int], str | None] = staticmethod(lambda name, budget: None)
    running: list[str] = []  # noqa: RUF012

    def __init__(self, name: str, options: SideOptions) -> None:
        self.name, self.alive = name, True
        self.running.append(name)

    def predict(self, size: tuple[int, int], budget: int, text: str, timeout: float) -> int:
        return budget * 1000

    def forget(self, timeout: float) -> None: ...

    def ask(self, question: Question, timeout: float) -> Measurement:
        if reason := self.broken(self.name, question.budget):
            self.alive = False
            raise RefusedError(reason)
        return Measurement(SECONDS, question.budget, (1, 4, 4 * question.budget // 4), 100, 40, 50, (1, 2, 3, 4))

    def close(self) -> None:
        self.alive = False
        self.running.remove(self.name)


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[StandIn]]:
    monkeypatch.setattr(profile, "SideProcess", StandIn)
    monkeypatch.setattr(StandIn, "running", [])
    yield StandIn
    assert StandIn.running == []


def finish(path: Path, setup: Setup = SETUP, memory: int = 10**9, limit: int | None = None) -> Run:
    """Measure what a log lacks, at most `limit` turns, and return its run."""
    log = profile.open_log(path, setup, "d")
    for number, turn in enumerate(profile.measure(setup, "folder", memory, {one.key for one in log.entries})):
        if number == limit:
            break
        log.add(turn)
    return profile.read_turns(path)


def structure(run: Run) -> Any:
    return [
        (cell.key, cell.tokens, sorted(cell.stages), [len(one) for one in cell.stages.values()]) for cell in run.cells
    ]


def test_a_profile_has_every_cell_and_round(stand_ins: type[StandIn], tmp_path: Path) -> None:
    run = finish(tmp_path / "p.jsonl")
    assert [cell.key for cell in run.cells] == [
        (side, budget, question) for budget in (16, 64) for side in SETUP.sides for question in (1, 2)
    ]
    assert all(cell.stages == dict.fromkeys(SECONDS, (0.5,) * 3) for cell in run.cells)
    assert all(cell.predicted_bytes == cell.budget * 1000 and cell.peak_bytes == 50 for cell in run.cells)


def test_a_log_cut_anywhere_resumes_to_the_same_structure(stand_ins: type[StandIn], tmp_path: Path) -> None:
    whole = structure(finish(tmp_path / "whole.jsonl"))
    data = (tmp_path / "whole.jsonl").read_bytes()
    for place in np.random.RandomState(0).randint(0, len(data) + 1, 25):
        path = tmp_path / f"cut-{place}.jsonl"
        path.write_bytes(data[:place])
        assert structure(finish(path)) == whole
        lines = path.read_bytes().splitlines()
        assert len(lines) == 1 + len(SETUP.turns)  # no turn twice


def test_a_profile_stopped_after_any_turn_resumes(stand_ins: type[StandIn], tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    for _ in range(4):
        finish(path, limit=3)
    assert structure(finish(path)) == structure(finish(tmp_path / "whole.jsonl"))


def test_an_unfinished_profile_says_which_cells_it_lacks(stand_ins: type[StandIn], tmp_path: Path) -> None:
    run = finish(tmp_path / "p.jsonl", limit=2)
    assert [cell.skipped for cell in run.cells] == [""] * 4 + ["not measured yet"] * 4


def test_a_side_that_fails_is_skipped_from_there_on(
    stand_ins: type[StandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = staticmethod(lambda name, budget: "no answer within 1 s" if (name, budget) == ("mlx-vlm", 64) else None)
    monkeypatch.setattr(StandIn, "broken", broken)
    run = finish(tmp_path / "p.jsonl", replace(SETUP, budgets=(16, 64, 256)))
    skipped = {cell.key[:2] for cell in run.cells if cell.skipped}
    assert skipped == {("mlx-vlm", 64), ("mlx-vlm", 256)}
    assert {cell.skipped for cell in run.cells} == {"", "no answer within 1 s"}


def test_a_budget_that_does_not_fit_is_skipped_before_it_runs(stand_ins: type[StandIn], tmp_path: Path) -> None:
    run = finish(tmp_path / "p.jsonl", memory=40_000)
    assert [cell.skipped for cell in run.cells if cell.budget == 16] == [""] * 4
    assert all("predicted 0.0 GB of memory" in cell.skipped for cell in run.cells if cell.budget == 64)


def test_sides_that_do_not_fit_together_take_turns(
    stand_ins: type[StandIn], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0

    class Counting(StandIn):
        def ask(self, question: Question, timeout: float) -> Measurement:
            nonlocal most
            if question.budget == 64 and question.text == QUESTIONS[1]:
                most = max(most, len(self.running))
            return super().ask(question, timeout)

    monkeypatch.setattr(profile, "SideProcess", Counting)
    assert not any(cell.skipped for cell in finish(tmp_path / "p.jsonl", memory=70_000).cells)
    assert most == 1


def test_another_setup_is_refused(stand_ins: type[StandIn], tmp_path: Path) -> None:
    finish(tmp_path / "p.jsonl", limit=2)
    with pytest.raises(InputError, match="got answers to another setup"):
        profile.open_log(tmp_path / "p.jsonl", replace(SETUP, rounds=4), "d")
    with pytest.raises(InputError, match="of another model"):
        profile.open_log(tmp_path / "p.jsonl", SETUP, "e")


def turn_with(side: str, **changes: Any) -> Turn:
    question = {**vars(Measurement(SECONDS, 64, (1, 8, 8), 1, 40, 1, (1, 2))), **changes}
    return Turn(side, 64, 0, "", questions=[question, question])


def test_outputs_that_differ_are_named() -> None:
    assert profile.differing([turn_with("saccade"), turn_with("mlx-vlm")]) == []
    lines = profile.differing([turn_with("saccade"), turn_with("mlx-vlm", answer=(1, 3))])
    assert len(lines) == 2
    assert "64 tokens, round 1, question 1: answer: saccade has 1 2" in lines[0]


def test_an_estimate_is_linear_in_the_layers() -> None:
    setup = replace(SETUP, sides=("saccade",), budgets=(64,), model=Model("synthetic 3b:2", "", (8, 2), (32, 36)))
    cell = profile.run_of(setup, [turn_with("saccade")]).cells[0]
    assert cell.estimate["vision"] == 2.0
    assert cell.estimate["prefill"] == 0.5 * 18
    assert cell.estimate["tokens"] == 0.5 * 18
    assert cell.estimate["preparation"] == 0.5
    assert profile.run_of(replace(setup, model=SETUP.model), [turn_with("saccade")]).cells[0].estimate == {}


def real_options(folder: str | None = None) -> SideOptions:
    return SideOptions(folder or str(hub.find(None)), "cpu", "float32", 3, 2 * 10**9)


def test_the_process_of_a_side_is_timed_out_and_its_end_is_named(tmp_path: Path) -> None:
    image = profile.screen(tmp_path, 0, (448, 336))
    side = SideProcess("saccade", real_options())
    try:
        measured = side.ask(Question(str(image), QUESTIONS[0], 64), 60)
        assert len(measured.answer) == 3
        assert 0 < measured.peak_bytes <= 1.05 * side.predict((448, 336), 64, QUESTIONS[0], 60)
        assert measured.seconds["whole"] >= measured.seconds["first token"] >= measured.seconds["prefill"] > 0
        with pytest.raises(RefusedError, match="nothere"):
            side.ask(Question("nothere.png", "text", 64), 60)
        os.kill(side._process.pid or 0, signal.SIGKILL)
        with pytest.raises(RefusedError, match="its process ended"):
            side.ask(Question(str(image), QUESTIONS[0], 64), 60)
    finally:
        side.close()
    assert not side.alive


def test_a_side_that_cannot_load_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedError, match="no such folder"):
        SideProcess("saccade", real_options(str(tmp_path / "none")))
    monkeypatch.setattr(side_process.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RefusedError, match="mlx-vlm is not installed"):
        SideProcess("mlx-vlm", real_options())


def children_of(pid: int) -> list[int]:
    """Return the processes that one has started; none where the system does not list them."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in listed.read_text().split()] if listed.exists() else []


def is_running(pid: int) -> bool:
    """Return False for a process that has ended, also before anybody has asked for its exit code."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def wait_for_end(processes: list[int]) -> None:
    """Wait for processes to end; fail if they go on for a minute."""
    until = time.monotonic() + 60
    while any(map(is_running, processes)):
        assert time.monotonic() < until, "a side goes on after the profile was killed"
        time.sleep(0.05)


def test_a_profile_killed_at_a_random_moment_resumes(tmp_path: Path) -> None:
    words = ["bench", "profile", "448x336", "--budgets", "16,64", "--rounds", "3", "--sides", "saccade", "--json"]
    command = [sys.executable, "-m", "mlx_saccade", *words, "--answer-tokens", "2", "--out", str(tmp_path / "p.jsonl")]
    # What is killed cannot delete its temporary files.
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    try:
        while not (tmp_path / "p.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.05 * np.random.RandomState(os.getpid()).rand())
        sides = children_of(process.pid)
    finally:
        process.kill()
        process.wait()
    wait_for_end(sides)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert [(cell["budget"], cell["question"]) for cell in cells] == [(16, 1), (16, 2), (64, 1), (64, 2)]
    assert {len(samples) for cell in cells for samples in cell["stages"].values()} == {3}


def test_the_machine_has_no_name_of_host_or_user(monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass
    import platform

    monkeypatch.setattr(platform, "release", lambda: "6.1.0-build-of-alice")
    text = json.dumps([vars(machine.describe()), machine.versions()])
    for name in (platform.node(), "alice", str(Path.home())):
        assert name == "" or name not in text
    assert getpass.getuser() == "root" or getpass.getuser() not in text
