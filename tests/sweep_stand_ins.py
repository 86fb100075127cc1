"""Stand-ins for a sweep: a data set without images and a runtime without a model; as a program, a sweep with them.

`python sweep_stand_ins.py OUT TARGETS BUDGETS [SECONDS]` asks with pauses of SECONDS, and prints a line a question.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlx_saccade import evals
from mlx_saccade.errors import InputError


class Data:
    """Targets on images of four each, with boxes of every size bin."""

    name = "stand-ins"
    notes: tuple[str, ...] = ()

    def __init__(self, n: int, **identity: Any) -> None:
        self.identity = {"kind": "stand-ins", **identity}
        self.targets = tuple(self._target(number) for number in range(n))
        self.opened: list[str] = []

    def _target(self, number: int) -> evals.Target:
        side = (400, 120, 45, 12)[number % 4]
        box = (10.0, 20.0, 10.0 + side, 20.0 + side)
        return evals.Target(f"t{number}", f"i{number // 4}.png", f"thing {number}", (box,), (1000, 1000), "icon")

    def open(self, target: evals.Target) -> str:
        self.opened.append(target.image)
        return target.image

    def image_id(self, target: evals.Target) -> str:
        return f"pixels of {target.image}"


class Runtime:
    """Answers near the target, nearer with more tokens; `failing` targets give an error."""

    name = "stand-in"

    def __init__(self, data: Data, *, seconds: float = 0.0, failing: tuple[str, ...] = (), **identity: Any) -> None:
        self.identity = {"engine": "stand-in", "model": "sha256 ab", **identity}
        self.seconds, self.failing = seconds, failing
        self.questions: list[tuple[str, str, str]] = []
        self.checked: list[tuple[Any, str]] = []

    def check(self, budget: Any, policy: str) -> None:
        self.checked.append((budget, policy))
        if policy == "nonsense":
            raise InputError("policy: expected flat; got nonsense. Name another")

    def plan_tokens(self, size: tuple[int, int], budget: Any) -> int | None:
        return budget - 1 if isinstance(budget, int) else None

    def ask(self, image: Any, target: evals.Target, budget: Any, policy: str) -> evals.Reply:
        self.questions.append((target.id, str(budget), policy))
        time.sleep(self.seconds)
        if target.id in self.failing:
            return evals.Reply(error="the server said 500")
        (x1, y1, x2, y2), off = target.expected[0], 1000 / (budget if isinstance(budget, int) else 500)
        box = (x1 + off, y1, x2 + off, y2)
        click = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        text = f"{target.description} at {budget}, {policy}: ä"
        return evals.Reply(boxes=(box,), click=click, text=text, tokens=100, seconds={"answer": time.perf_counter()})

    def close(self) -> None:
        pass


class RefusingRuntime(Runtime):
    """Takes one policy."""

    def check(self, budget: Any, policy: str) -> None:
        if policy != "flat":
            raise InputError(f"policy: expected flat; got {policy}. Name flat")


class BrokenRuntime(Runtime):
    """Has a bug."""

    def ask(self, image: Any, target: evals.Target, budget: Any, policy: str) -> evals.Reply:
        raise ZeroDivisionError("division by zero")


def logged_runtime(data: Data, path: str) -> Runtime:
    """Open a runtime, and write the process that does."""
    with Path(path).open("a") as stream:
        stream.write(f"{os.getpid()}\n")
    return Runtime(data, seconds=0.01)


def other_in_worker(data: Data) -> Runtime:
    """Open a runtime with another model in the worker of a cluster."""
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        return Runtime(data)
    return Runtime(data, model="sha256 cd")


def sweep(
    out: Any, data: Data, runtime: Runtime, budgets: tuple[Any, ...] = (64, 256), policies: tuple[str, ...] = ("flat",)
) -> None:
    """Ask all that a run lacks."""
    with evals.RunFolder(out, data, runtime, data.notes) as run:
        evals.ask_missing(run, data, runtime, evals.questions_of(data, budgets, policies))


def untimed(run: evals.Run) -> list[evals.Row]:
    """Return the rows in the order of the file, without their times."""
    return [replace(row, reply=replace(row.reply, seconds={})) for row in run.rows]


def main(out: str, targets: str, budgets: str, seconds: str = "0") -> None:
    data = Data(int(targets))
    asked = tuple(map(int, budgets.split(",")))
    runtime = Runtime(data, seconds=float(seconds))
    with evals.RunFolder(out, data, runtime) as run:
        print("open", flush=True)
        questions = evals.questions_of(data, asked, ("flat", "zoom"))
        evals.ask_missing(run, data, runtime, questions, lambda row: print(row.key, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
