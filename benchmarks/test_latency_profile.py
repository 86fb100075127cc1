"""The latency profile in pytest-benchmark: the whole of a question by side and budget, its stages in `extra_info`.

    make bench-profile                                      # writes build/latency-profile.json
    make bench-profile BUDGETS=256,1280,4096,16384 ROUNDS=5 MODEL=path/to/checkpoint

Each side has a process of its own, and all sides take their turn in each round, as in `mlx-saccade bench profile`. The
file is one that `mlx-saccade bench record` and `compare` take.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlx_saccade.backend import device
from mlx_saccade.bench import machine
from mlx_saccade.bench.ask import Measurement, Question, SideOptions
from mlx_saccade.bench.profile import QUESTIONS, screen
from mlx_saccade.bench.run import SIDES
from mlx_saccade.bench.side_process import RefusedError, SideProcess
from mlx_saccade.checkpoint import hub
from mlx_saccade.engine.memory_limit import default_limit

BUDGETS = tuple(map(int, os.environ.get("PROFILE_BUDGETS", "256,1280").split(",")))
ROUNDS = int(os.environ.get("PROFILE_ROUNDS", "3"))
MODEL = os.environ.get("PROFILE_MODEL") or None
SIZE, SECONDS, TITLE = (3840, 2160), 900.0, "A question about a 4K screenshot"


class Sides:
    """The processes of the sides, each started at its first question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, SideProcess] = {}
        self.refused: dict[str, str] = {}
        self.memory = default_limit()
        self.device = "cpu" if device() == "cpu" else "gpu"

    def get(self, name: str) -> SideProcess:
        if name in self.refused:
            pytest.skip(self.refused[name])
        if name not in self.processes:
            dtype = "float32" if self.device == "cpu" else ""
            options = SideOptions(str(hub.find(MODEL)), self.device, dtype, 16, self.memory)
            try:
                self.processes[name] = SideProcess(name, options)
                image = screen(self.folder, 999, (448, 336))
                self.processes[name].ask(Question(str(image), QUESTIONS[0], 64), SECONDS)
            except RefusedError as error:
                self.refused[name] = str(error)
                pytest.skip(str(error))
        return self.processes[name]


@pytest.fixture(scope="module")
def sides() -> Iterator[Sides]:
    """Return the sides, which end with the module."""
    with tempfile.TemporaryDirectory(prefix="saccade-profile-") as folder:
        running = Sides(Path(folder))
        yield running
        for process in running.processes.values():
            process.close()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("turn", range(ROUNDS))
@pytest.mark.parametrize("row", BUDGETS)
@pytest.mark.parametrize("question", [1, 2])
def test_question(benchmark: Any, sides: Sides, side: str, turn: int, row: int, question: int) -> None:
    process = sides.get(side)
    predicted = 0
    try:
        predicted = process.predict(SIZE, row, QUESTIONS[0], SECONDS)
    except RefusedError as error:
        pytest.skip(str(error))
    if predicted > sides.memory:
        pytest.skip(f"predicted {predicted / 1e9:.1f} GB of memory; {sides.memory / 1e9:.1f} GB may be used")
    image = screen(sides.folder, turn, SIZE)
    asked = [Question(str(image), text, row) for text in QUESTIONS[:question]]
    measured: list[Measurement] = []

    def setup() -> None:
        process.forget(SECONDS)
        for earlier in asked[:-1]:
            process.ask(earlier, SECONDS)

    def ask() -> None:
        measured.append(process.ask(asked[-1], SECONDS))

    benchmark.group, benchmark.name = f"{TITLE}, {row} tokens, question {question}", f"{side}, turn {turn + 1}"
    benchmark.pedantic(ask, setup=setup, rounds=1)
    last = measured[-1]
    benchmark.extra_info.update(
        side=side,
        stage="whole",
        stages={stage: [seconds] for stage, seconds in last.seconds.items()},
        budget=row,
        question=question,
        tokens=last.tokens,
        grid_thw=list(last.grid_thw),
        source_size=list(SIZE),
        file_bytes=image.stat().st_size,
        patch_bytes=last.patch_bytes,
        prompt_tokens=last.prompt_tokens,
        predicted_bytes=predicted,
        peak_bytes=last.peak_bytes,
        device=sides.device,
        kernel=machine.describe().kernel,
        versions=machine.versions(),
        commit=machine.commit(),
    )
