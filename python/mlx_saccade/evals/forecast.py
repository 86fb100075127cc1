"""Predict a sweep before it runs: its questions, their tokens, and their time by answers to like questions."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlx_saccade.evals.datasets import describe
from mlx_saccade.evals.rows import Budget, Key, Row, Runtime
from mlx_saccade.evals.sweep import Question, answer, check
from mlx_saccade.evals.targets import DataSet

__all__ = ["SCHEMA", "CellForecast", "Forecast", "forecast"]

SCHEMA = "mlx-saccade/sweep-forecast/1"


@dataclass(frozen=True)
class CellForecast:
    """The questions under one policy at one budget.

    Attributes:
        policy: name of the policy with its parameters.
        budget: limit on the visual tokens of a look.
        questions: number of questions.
        missing: those that have no answer yet.
        tokens: visual tokens of one look at each image of the missing ones; None where unknown.
        seconds: median seconds of a question; None if a trial question failed.
        is_trial: the seconds are of one trial question, else of the run's answers.
    """

    policy: str
    budget: Budget
    questions: int
    missing: int
    tokens: int | None
    seconds: float | None
    is_trial: bool


@dataclass(frozen=True)
class Forecast:
    """A sweep that did not run yet.

    Attributes:
        data: the data set in words, with what was set aside while it was read.
        questions: number of questions.
        missing: those that have no answer yet in the run.
        tokens: visual tokens of one look at each image of the missing ones; None where unknown.
        seconds: time of the missing ones, one after another; None where unknown.
        cells: the same by policy and budget, in the order of asking.
        problems: why trial questions failed.
    """

    data: tuple[str, ...]
    questions: int
    missing: int
    tokens: int | None
    seconds: float | None
    cells: tuple[CellForecast, ...]
    problems: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, for JSON; docs/schemas/sweep-forecast-1.json describes it."""
        return {"schema": SCHEMA, **asdict(self)}


def forecast(
    data: DataSet,
    runtime: Runtime,
    questions: Sequence[Question],
    rows: Iterable[Row] = (),
    advance: Callable[[], None] = lambda: None,
) -> Forecast:
    """Predict the questions that have no answer yet. What has no answer to go by is tried with one question.

    Args:
        data: the data set of the questions.
        runtime: what would answer.
        questions: as `mlx_saccade.evals.sweep.questions_of`.
        rows: of the run that would go on.
        advance: called after each policy and budget.

    Raises:
        InputError: a budget or policy that the runtime cannot take.
    """
    answered = {row.key: row for row in rows if row.reply.error is None}
    cells: dict[tuple[str, Budget], list[Question]] = {}
    for question in questions:
        cells.setdefault((question.policy, question.budget), []).append(question)
    missing = {name: [one for one in some if one.key not in answered] for name, some in cells.items()}
    check(runtime, [question for some in missing.values() for question in some])
    problems, results, warm = [], [], False
    for (policy, budget), some in cells.items():
        left = missing[policy, budget]
        seconds, is_trial = _median(answered, policy, budget), False
        if left and seconds is None:
            if not warm:  # the first question of a process takes longer
                answer(data, runtime, left[0])
                warm = True
            reply = answer(data, runtime, left[0]).reply
            is_trial, seconds = True, None if reply.error else sum(reply.seconds.values())
            problems += [f"{policy}, {budget}: {reply.error}"] if reply.error else []
        results.append(
            CellForecast(
                policy, budget, len(some), len(left), _tokens(runtime, left, budget), seconds if left else 0.0, is_trial
            )
        )
        advance()
    tokens = [cell.tokens for cell in results if cell.tokens is not None]
    times = [cell.seconds * cell.missing for cell in results if cell.seconds is not None]
    return Forecast(
        data=tuple(describe(data)),
        questions=len(questions),
        missing=sum(cell.missing for cell in results),
        tokens=sum(tokens) if len(tokens) == len(results) else None,
        seconds=sum(times) if len(times) == len(results) else None,
        cells=tuple(results),
        problems=tuple(problems),
    )


def _median(answered: dict[Key, Row], policy: str, budget: Budget) -> float | None:
    seconds = [sum(row.reply.seconds.values()) for row in answered.values() if row.key[1:] == (str(budget), policy)]
    return statistics.median(seconds) if seconds else None


def _tokens(runtime: Runtime, questions: Sequence[Question], budget: Budget) -> int | None:
    total = 0
    for size, count in Counter(question.target.image_size for question in questions).items():
        tokens = runtime.plan_tokens(size, budget)
        if tokens is None:
            return None
        total += tokens * count
    return total
