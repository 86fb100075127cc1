"""The sweep: every target of a data set, asked for at every budget under every policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from mlx_saccade.errors import InputError, brief
from mlx_saccade.evals.rows import Budget, Key, Reply, Row, Runtime
from mlx_saccade.evals.run_folder import Questions, RunFolder, encoded
from mlx_saccade.evals.targets import DataSet, Target

__all__ = [
    "MAX_FAILURES",
    "Question",
    "answer",
    "ask_missing",
    "check",
    "collect",
    "missing_of",
    "questions_of",
    "record",
]

MAX_FAILURES = 10
"""A sweep stops when so many questions in a row have failed, of all or of one policy and budget: then it is the runtime
or the setting, not a question."""


@dataclass(frozen=True)
class Question:
    """A target to ask for, with a budget and a policy."""

    target: Target
    budget: Budget
    policy: str

    @property
    def key(self) -> Key:
        """Return what tells the question from others, as `Row.key`."""
        return self.target.id, str(self.budget), self.policy


def questions_of(data: DataSet, budgets: Sequence[Budget], policies: Sequence[str]) -> list[Question]:
    """Return all questions in the order of asking: all policies and budgets of a target before the next target.

    Raises:
        InputError: no target, budget or policy, or one of them twice.
    """
    names = [target.id for target in data.targets]
    for what, some in (("target", names), ("budget", list(map(str, budgets))), ("policy", list(policies))):
        if not some:
            raise InputError(f"sweep: expected at least one {what}; got none")
        if len(set(some)) < len(some):
            again = next(one for place, one in enumerate(some) if one in some[:place])
            raise InputError(f"sweep: expected each {what} once; got {brief(again)} twice. Leave one out")
    return [Question(target, budget, policy) for target in data.targets for policy in policies for budget in budgets]


def check(runtime: Runtime, questions: Sequence[Question]) -> None:
    """Refuse budgets and policies that the runtime cannot take, before the first question.

    Raises:
        InputError: as `Runtime.check`.
    """
    for budget, policy in dict.fromkeys((question.budget, question.policy) for question in questions):
        runtime.check(budget, policy)


def ask_missing(
    run: RunFolder,
    data: DataSet,
    runtime: Runtime,
    questions: Sequence[Question],
    note: Callable[[Row], None] = lambda row: None,
) -> None:
    """Ask the questions that have no answer in a run, and add a row for each.

    Args:
        run: the open run.
        data: the data set of the questions.
        runtime: what answers.
        questions: as `questions_of`.
        note: called with each row, once it is on the disk.

    Raises:
        InputError: a budget, a policy or a target that cannot be used, or ten questions in a row that failed.
        OSError: the disk is full or fails. Rows before that stay, and the same call goes on after them.
    """
    missing = missing_of(run, data, questions)
    check(runtime, missing)
    record(run, questions)
    collect(run, (answer(data, runtime, question) for question in missing), note)


def missing_of(run: RunFolder, data: DataSet, questions: Sequence[Question]) -> list[Question]:
    """Return the questions that have no answer yet in a run.

    Raises:
        InputError: as `RunFolder.check_targets`.
    """
    run.check_targets(data)
    return [question for question in questions if not run.is_answered(question.key)]


def record(run: RunFolder, questions: Sequence[Question]) -> None:
    """Record questions in a run before they are asked."""
    run.ask(
        Questions(
            tuple(dict.fromkeys(question.target.id for question in questions)),
            tuple(dict.fromkeys(question.budget for question in questions)),
            tuple(dict.fromkeys(question.policy for question in questions)),
        )
    )


def collect(run: RunFolder, rows: Iterable[Row], note: Callable[[Row], None]) -> None:
    """Add rows to a run as they come, and put the run in order after the last one.

    Raises:
        InputError: ten questions in a row failed, of all or of one policy and budget; the message has the last error.
    """
    in_a_row, of_setting = 0, Counter[tuple[str, str]]()
    for row in rows:
        run.add(row)
        note(row)
        setting = row.policy, str(row.budget)
        if row.reply.error is None:
            in_a_row = of_setting[setting] = 0
            continue
        in_a_row += 1
        of_setting[setting] += 1
        if MAX_FAILURES in (in_a_row, of_setting[setting]):
            without = "" if in_a_row == MAX_FAILURES else " without them"
            where = "" if in_a_row == MAX_FAILURES else f" with policy {row.policy} and budget {row.budget}"
            raise InputError(
                f"sweep: {MAX_FAILURES} questions in a row{where} failed, the last with: {row.reply.error}. "
                f"The answers are kept; run it again{without} to go on"
            )
    run.finish()


def answer(data: DataSet, runtime: Runtime, question: Question) -> Row:
    """Ask one question; what fails for it alone is the row's error."""
    target, image_id = question.target, ""
    try:
        image_id = data.image_id(target)
        image = data.open(target)
    except (FileNotFoundError, InputError) as error:
        reply = Reply(error=str(error))
    else:
        reply = runtime.ask(image, target, question.budget, question.policy)
    row = Row(target, image_id, question.budget, question.policy, reply)
    try:
        encoded(row)
    except ValueError:
        row = replace(row, reply=Reply(text=reply.text, error="the answer has a number that is not finite"))
    return row
