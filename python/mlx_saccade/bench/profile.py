"""The latency profile: the stages of a question about a screen, by budget and side, measured by turns.

A turn is one side's two questions about a screen that it has not seen, at one budget. All sides take their turn before
the next round. Each finished turn is a line of the log, so a profile that is stopped or killed resumes there.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mlx_saccade.bench import history
from mlx_saccade.bench.ask import Measurement, Question, SideOptions
from mlx_saccade.bench.run import Cell, Machine, Model, Run
from mlx_saccade.bench.side_process import RefusedError, SideProcess
from mlx_saccade.errors import InputError
from mlx_saccade.evals.runs import RunKind, RunLog
from mlx_saccade.evals.runs import read as read_log

__all__ = ["KIND", "QUESTIONS", "Setup", "Turn", "differing", "measure", "open_log", "read_turns", "run_of", "screen"]

QUESTIONS = ("Locate the dialog, output its bbox coordinates.", "Locate the menu, output its bbox coordinates.")


@dataclass(frozen=True)
class Setup:
    """The subject of a profile: what is measured, and on what; a log resumes only with an equal one.

    Attributes:
        machine: the machine.
        versions: version by package.
        commit: of mlx-saccade.
        model: the checkpoint.
        sides: names of `mlx_saccade.bench.run.SIDES`.
        budgets: maximum visual tokens, smallest first.
        rounds: turns of each side at each budget.
        size: width and height of the screens.
        answer_tokens: tokens of each answer.
        dtype: precision of all sides; empty: each side's own.
    """

    machine: Machine
    versions: dict[str, str]
    commit: str
    model: Model
    sides: tuple[str, ...]
    budgets: tuple[int, ...]
    rounds: int
    size: tuple[int, int]
    answer_tokens: int
    dtype: str

    @property
    def turns(self) -> list[tuple[int, int, str]]:
        """Every (budget, round, side) in the order of measuring."""
        rounds = range(self.rounds)
        return [(budget, turn, side) for budget in self.budgets for turn in rounds for side in self.sides]


@dataclass(frozen=True)
class Turn:
    """One side's turn at a budget.

    Attributes:
        side: name of the side.
        budget: maximum visual tokens.
        round: number of the round, from 0.
        date: UTC.
        skipped: reason why nothing was measured; empty if it was.
        file_bytes: bytes of the image file.
        predicted_bytes: predicted peak memory.
        questions: fields of `Measurement`, of the first and the second question.
    """

    side: str
    budget: int
    round: int
    date: str
    skipped: str = ""
    file_bytes: int = 0
    predicted_bytes: int = 0
    questions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def key(self) -> tuple[int, int, str]:
        """What tells this turn from others."""
        return self.budget, self.round, self.side


def _turn(line: Any) -> Turn:
    turn = Turn(**line)
    for question in turn.questions:
        Measurement(**question)
    if not turn.skipped and len(turn.questions) != len(QUESTIONS):
        raise ValueError
    return turn


KIND = RunKind(command="mlx-saccade bench profile", format=1, entry="a turn", parse=_turn, setup=True)


def open_log(path: str | os.PathLike[str], setup: Setup, digest: str) -> RunLog[Turn]:
    """Open a new log, or the one of an equal setup that was stopped.

    Args:
        path: the file.
        setup: what is measured.
        digest: of the checkpoint, or the name of a synthetic one.

    Raises:
        InputError: as `mlx_saccade.evals.runs.RunLog`.
    """
    return RunLog(path, KIND, digest, asdict(setup))


def measure(
    setup: Setup,
    folder: str,
    memory: int,
    done: Container[tuple[int, int, str]] = (),
    *,
    timeout: float = 900.0,
    note: Callable[[str], None] = lambda line: None,
) -> Iterator[Turn]:
    """Measure a profile.

    Args:
        setup: what to measure.
        folder: folder of the checkpoint.
        memory: maximum bytes of all sides together; a side that would pass it is skipped, or waits until others end.
        done: keys of turns to leave out.
        timeout: longest time of a question in seconds; a side that takes longer is ended, and skipped from there on.
        note: called with each line that a user should read.

    Returns:
        Each turn as it ends; sides that cannot run have turns with a reason.
    """
    with tempfile.TemporaryDirectory(prefix="saccade-profile-") as screens:
        sides = _Sides(setup, folder, memory, timeout, note)
        try:
            for budget, number, name in setup.turns:
                if (budget, number, name) not in done:
                    yield sides.take_turn(name, budget, number, screen(Path(screens), number, setup.size))
        finally:
            sides.close()


class _Sides:
    """The processes of the sides, started when their turn comes."""

    def __init__(self, setup: Setup, folder: str, memory: int, timeout: float, note: Callable[[str], None]) -> None:
        self.setup, self.folder, self.memory, self.timeout, self.note = setup, folder, memory, timeout, note
        self.running: dict[str, SideProcess] = {}
        self.needs: dict[str, int] = {}  # the last prediction of each running side
        self.failed: dict[str, tuple[int, str]] = {}  # from which budget on, and why
        self.warm: dict[str, Measurement] = {}  # what each side answered before it was timed

    def take_turn(self, name: str, budget: int, number: int, image: Path) -> Turn:
        """Return a side's turn; one that it cannot take has the reason."""
        date = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        since, reason = self.failed.get(name, (budget + 1, ""))
        if budget >= since:
            return Turn(name, budget, number, date, skipped=reason)
        try:
            needed, measured = self._ask(name, budget, image)
        except RefusedError as error:
            self.note(f"{name}, {budget:,} tokens: not measured: {error}")
            self.failed[name] = (budget, str(error))
            return Turn(name, budget, number, date, skipped=str(error))
        questions = [asdict(one) for one in measured]
        return Turn(name, budget, number, date, "", image.stat().st_size, needed, questions)

    def close(self) -> None:
        for side in self.running.values():
            side.close()
        self.running.clear()

    def _ask(self, name: str, budget: int, image: Path) -> tuple[int, list[Measurement]]:
        """Return the predicted bytes and what both questions took, the first about an image that is not cached."""
        side = self._side(name)
        needed = side.predict(self.setup.size, budget, QUESTIONS[0], self.timeout)
        if needed > self.memory:
            raise RefusedError(f"predicted {needed / 1e9:.1f} GB of memory; {self.memory / 1e9:.1f} GB may be used")
        self.needs[name] = needed
        for other in [one for one in self.running if one != name]:
            if sum(self.needs.get(one, 0) for one in self.running) > self.memory:
                self.running.pop(other).close()  # it loads again for its next turn
        side.forget(self.timeout)
        return needed, [side.ask(Question(str(image), text, budget), self.timeout) for text in QUESTIONS]

    def _side(self, name: str) -> SideProcess:
        """Return a side's process, loaded and warmed up."""
        side = self.running.get(name)
        if side is None or not side.alive:
            setup = self.setup
            options = SideOptions(self.folder, setup.machine.device, setup.dtype, setup.answer_tokens, self.memory)
            side = self.running[name] = SideProcess(name, options)
            with tempfile.TemporaryDirectory(prefix="saccade-profile-") as folder:
                image = screen(Path(folder), 0, (448, 336))
                question = Question(str(image), QUESTIONS[0], min(64, *setup.budgets))
                self.warm[name] = side.ask(question, self.timeout)
            self._compare(name)
        return side

    def _compare(self, name: str) -> None:
        """Refuse a side whose first prompt is not that of the first side; say where its answer is another."""
        first, expected = next(iter(self.warm.items()))
        own = self.warm[name]
        if (own.tokens, own.prompt_tokens) != (expected.tokens, expected.prompt_tokens):
            sizes = (
                f"{own.tokens} of {own.prompt_tokens} tokens; {first} has {expected.tokens} of {expected.prompt_tokens}"
            )
            raise RefusedError(f"its prompt is another one: an image of {sizes}")
        if own.answer != expected.answer:
            self.note(f"{name}: answers otherwise than {first} before the first round")


def screen(folder: Path, seed: int, size: tuple[int, int]) -> Path:
    """Return a generated screen as a PNG file, drawn once."""
    from PIL import Image

    from mlx_saccade import scenes

    path = folder / f"{seed}.png"
    if not path.exists():
        Image.fromarray(scenes.generate(seed, size).image).save(path)
    return path


def differing(turns: Sequence[Turn]) -> list[str]:
    """Return a line for each budget and question where a side's prompt or answer is another than the first side's."""
    lines = []
    first: dict[tuple[int, int, int], tuple[str, dict[str, Any]]] = {}
    for turn in turns:
        for number, one in enumerate(turn.questions):
            side, expected = first.setdefault((turn.budget, turn.round, number), (turn.side, one))
            for name in ("prompt_tokens", "tokens", "answer"):
                if one[name] != expected[name]:
                    place = f"{turn.budget:,} tokens, round {turn.round + 1}, question {number + 1}: {name}"
                    lines.append(f"{place}: {side} has {_short(expected[name])}, {turn.side} {_short(one[name])}")
    return lines


def _short(value: Any) -> str:
    return str(value) if isinstance(value, int) else " ".join(map(str, value[:6])) + " ..."


def read_turns(path: str | os.PathLike[str]) -> Run:
    """Return the run that a log holds, finished or not.

    Raises:
        FileNotFoundError: no such file.
        InputError: the file is no log of a profile.
    """
    head, turns = read_log(Path(path), KIND)
    raw = head["setup"]
    try:
        machine = Machine(**raw["machine"])
        model = Model(**raw["model"])
        names = ("sides", "budgets", "size")
        lists = {name: tuple(raw[name]) for name in names}
        values: dict[str, Any] = {**raw, **lists, "machine": machine, "model": model}
        setup = Setup(**values)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: expected the setup of a profile; got one without {error}. Measure again") from None
    return history.parse(json.loads(history.dumps(run_of(setup, turns))), str(path))  # checks every type


def run_of(setup: Setup, turns: Sequence[Turn]) -> Run:
    """Return the run of the turns of a profile; a cell that was not reached yet says so."""
    cells = [
        _cell(setup, [turn for turn in turns if (turn.side, turn.budget) == (side, budget)], side, budget, question)
        for budget in setup.budgets
        for side in setup.sides
        for question in range(len(QUESTIONS))
    ]
    return Run(
        kind="profile",
        date=max((turn.date for turn in turns), default=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())),
        commit=setup.commit,
        machine=setup.machine,
        versions=setup.versions,
        cells=tuple(cells),
        model=setup.model,
        settings={"rounds": setup.rounds, "answer_tokens": setup.answer_tokens, "dtype": setup.dtype or "own"},
    )


def _cell(setup: Setup, turns: Sequence[Turn], side: str, budget: int, question: int) -> Cell:
    measured = [(turn, turn.questions[question]) for turn in turns if turn.questions]
    if not measured:
        reason = next((turn.skipped for turn in turns), "not measured yet")
        return Cell(side, budget, question + 1, source_size=setup.size, skipped=reason)
    turn, one = measured[-1]
    stages = {stage: tuple(each["seconds"][stage] for _, each in measured) for stage in one["seconds"]}
    times, rows, columns = one["grid_thw"]
    return Cell(
        side=side,
        budget=budget,
        question=question + 1,
        stages=stages,
        tokens=one["tokens"],
        grid_thw=(times, rows, columns),
        source_size=setup.size,
        file_bytes=turn.file_bytes,
        patch_bytes=one["patch_bytes"],
        prompt_tokens=one["prompt_tokens"],
        predicted_bytes=turn.predicted_bytes,
        peak_bytes=max(each["peak_bytes"] for _, each in measured),
        estimate=_estimate(setup, {stage: min(values) for stage, values in stages.items()}),
    )


def _estimate(setup: Setup, seconds: dict[str, float]) -> dict[str, float]:
    """Return the stages at the full number of layers, linear in the layers; empty if all ran."""
    model = setup.model
    if model.full_layers == model.layers:
        return {}
    blocks, layers = (full / ran for full, ran in zip(model.full_layers, model.layers, strict=True))
    factors = {"vision": blocks, "prefill": layers, "tokens": layers}
    whole = {stage: factor * seconds[stage] for stage, factor in factors.items()}
    longer = whole["vision"] + whole["prefill"] - seconds["vision"] - seconds["prefill"]
    whole["first token"] = seconds["first token"] + longer
    later = (setup.answer_tokens - 1) * (whole["tokens"] - seconds["tokens"])
    whole["whole"] = seconds["whole"] + longer + later
    return {**seconds, **whole}
