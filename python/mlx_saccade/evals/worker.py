"""What runs in a worker of a cluster: it opens the runtime of a sweep once, and answers one question at a time.

Only processes that work on a cluster import this module, since it needs the package `distributed`.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from typing import Any, cast

from distributed import WorkerPlugin, get_worker

from mlx_saccade.errors import InputError
from mlx_saccade.evals.rows import Row, Runtime
from mlx_saccade.evals.run_folder import differences
from mlx_saccade.evals.sweep import Question, answer, check
from mlx_saccade.evals.targets import DataSet

__all__ = ["Job", "answer_question", "check_questions"]


class Job(WorkerPlugin):
    """A sweep as a worker has it.

    Attributes:
        name: by which questions find it.
    """

    def __init__(self, name: str, job: bytes) -> None:
        """Take the pickled data set, opener of the runtime, and identity that the runtime has to have."""
        self.name, self._job = name, job

    def setup(self, worker: Any) -> None:
        """Start with nothing open; the first question opens it."""
        self._lock = threading.Lock()
        self._opened: tuple[DataSet, Runtime] | None = None

    def teardown(self, worker: Any) -> None:
        """Close the runtime once its question is answered; not here, which would stop the loop of the worker."""
        threading.Thread(target=self._close, daemon=True).start()

    def ask(self, question: Question) -> Row:
        """Answer a question."""
        with self._lock:
            return answer(*self._open(), question)

    def check(self, questions: Sequence[Question]) -> None:
        """Refuse budgets and policies, as `mlx_saccade.evals.sweep.check`."""
        with self._lock:
            check(self._open()[1], questions)

    def _open(self) -> tuple[DataSet, Runtime]:
        if self._opened is None:
            data, opener, identity = pickle.loads(self._job)
            runtime: Runtime = opener()
            other = [
                f"{what}: expected {expected}; got {got}"
                for what, expected, got in differences(identity, runtime.identity)
                if what.partition(".")[0] != "versions"
            ]
            if other:
                runtime.close()
                raise InputError(f"a worker: {'; '.join(other)}. Give all workers the same model")
            self._opened = data, runtime
        return self._opened

    def _close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened[1].close()
                self._opened = None


def answer_question(name: str, question: Question) -> Row:
    """Answer a question of the job `name`."""
    return _job(name).ask(question)


def check_questions(name: str, questions: Sequence[Question]) -> None:
    """Refuse budgets and policies of the job `name`."""
    _job(name).check(questions)


def _job(name: str) -> Job:
    return cast(Job, get_worker().plugins[name])
