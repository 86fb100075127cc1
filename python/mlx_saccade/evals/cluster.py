"""Ask the questions of a sweep on the workers of a dask cluster: processes of this machine, or many machines.

Each worker opens the runtime once and asks one question at a time. Only the client writes the run. When a worker is
lost, the scheduler gives its questions to others; a question that was answered twice counts once.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import logging
import pickle
import queue
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from mlx_saccade.errors import InputError
from mlx_saccade.evals.processes import cores, ignoring_interrupts
from mlx_saccade.evals.rows import Reply, Row, Runtime
from mlx_saccade.evals.run_folder import RunFolder
from mlx_saccade.evals.sweep import Question, collect, missing_of, record
from mlx_saccade.evals.targets import DataSet

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Opener", "Workers", "ask_on_cluster", "connect", "local_workers"]

Opener = Callable[[], Runtime]
"""Opens the runtime in a worker; it pickles, as a partial of `open_runtime` does."""
PATIENCE = 60.0
"""Seconds without any worker after which a sweep ends."""
_AHEAD = 64  # least number of questions that the scheduler has at once
_POLL = 1.0
_KEPT = "The answers so far are kept; run it again to go on"
_INSTALL = "pip install 'mlx-saccade[cluster]'"


@contextmanager
def local_workers(count: int) -> Iterator[Client]:
    """Start worker processes on this machine, which share its cores; at the end they are terminated.

    Raises:
        InputError: the package `distributed` is not installed, or `count` is below 1.
    """
    if count < 1:
        raise InputError(f"--workers: expected at least 1; got {count}. Leave it out to ask in this process")
    distributed = _distributed("--workers")
    import dask

    threads = str(max(1, cores() // count))
    environment = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "SACCADE_THREADS"), threads)
    with ExitStack() as stack:
        # Ours are set in the workers alone; dask's own would stay in this process.
        stack.enter_context(dask.config.set({"distributed.nanny.pre-spawn-environ": {}}))
        with ignoring_interrupts():
            cluster = distributed.LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                memory_limit=0,  # a runtime bounds its own memory
                silence_logs=logging.CRITICAL + 1,
                env=environment,
            )
        stack.enter_context(cluster)
        yield stack.enter_context(distributed.Client(cluster, set_as_default=False))


@contextmanager
def connect(address: str, *, timeout: float = 10.0) -> Iterator[Client]:
    """Connect to the scheduler of a running cluster, such as "tcp://10.0.0.5:8786".

    Raises:
        InputError: the package `distributed` is not installed, or no scheduler or worker answers in `timeout` seconds.
    """
    distributed = _distributed("--scheduler")
    try:
        distributed.comm.get_address_host_port(address)  # a client that fails at this ends 20 s later, with a traceback
        client = distributed.Client(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError, TypeError, ImportError, distributed.TimeoutError) as error:
        raise InputError(
            f"--scheduler {address}: expected a scheduler of dask, as `dask scheduler` starts it; got none "
            f"({_line(error)}). Start it, or check the address"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=timeout)
        except distributed.TimeoutError:
            raise InputError(
                f"--scheduler {address}: expected at least one worker; got none. Start `dask worker {address}`"
            ) from None
        yield client


def ask_on_cluster(
    client: Client,
    run: RunFolder,
    data: DataSet,
    opener: Opener,
    questions: Sequence[Question],
    note: Callable[[Row], None] = lambda row: None,
    *,
    patience: float = PATIENCE,
) -> None:
    """Ask the questions that have no answer in a run, as `mlx_saccade.evals.ask_missing` does, on a cluster.

    Args:
        client: of the cluster.
        run: the open run; this process alone writes it.
        data: the data set of the questions; it pickles. Workers read its files under the same paths.
        opener: opens the runtime in a worker.
        questions: as `mlx_saccade.evals.questions_of`.
        note: called with each row, once it is on the disk.
        patience: seconds without any worker after which the sweep ends.

    Raises:
        InputError: as `ask_missing`; or a worker has another model or cannot open the runtime; or all workers or the
            scheduler are lost. Rows before that stay, and the same call goes on after them.
    """
    missing = missing_of(run, data, questions)
    with Workers(client, data, opener, run.header.runtime.identity, patience) as workers:
        if missing:
            workers.check(missing)
        record(run, questions)
        collect(run, workers.answers(missing), note)


class Workers:
    """The workers of a cluster while they answer one sweep; a context that stops what is left at its end."""

    def __init__(
        self, client: Client, data: DataSet, opener: Opener, identity: Mapping[str, Any], patience: float = PATIENCE
    ) -> None:
        self._client, self._patience = client, patience
        self._name = f"mlx-saccade-sweep-{uuid.uuid4().hex}"
        self._job = pickle.dumps((data, opener, dict(identity)))
        self._futures: dict[Any, Question] = {}
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __enter__(self) -> Workers:
        """Give the job to all workers, those that join later too."""
        from mlx_saccade.evals.worker import Job

        self._client.register_plugin(Job(self._name, self._job))
        return self

    def __exit__(self, *error: object) -> None:
        """Cancel the questions that are left, and free the runtimes of the workers."""
        if self._client.status != "running":
            return
        with suppress(Exception):  # the scheduler may go at any time
            self._client.cancel(list(self._futures), force=True)
            self._client.unregister_worker_plugin(self._name)

    def check(self, questions: Sequence[Question]) -> None:
        """Refuse budgets and policies that the runtime cannot take; a worker opens it for that.

        Raises:
            InputError: as `Runtime.check`, or the worker cannot open the runtime.
        """
        from mlx_saccade.evals import worker

        kinds = {(question.budget, question.policy): question for question in questions}
        self._submit(worker.check_questions, list(kinds.values()))
        next(self._results())

    def answers(self, questions: Sequence[Question]) -> Iterator[Row]:
        """Return the row of each question as it is answered.

        Raises:
            InputError: a worker failed other than at a question, or all workers or the scheduler are lost.
        """
        from distributed.scheduler import KilledWorker

        from mlx_saccade.evals import worker

        left = iter(enumerate(questions))
        for number, question in itertools.islice(left, max(_AHEAD, 4 * self._threads())):
            self._submit(worker.answer_question, question, number)
        for question, result in self._results():
            for number, other in itertools.islice(left, 1):
                self._submit(worker.answer_question, other, number)
            if isinstance(result, KilledWorker):
                reply = Reply(error=f"workers ended while they answered: {_line(result)}")
                yield Row(question.target, "", question.budget, question.policy, reply)
            else:
                yield result

    def _submit(self, work: Callable[[str, Any], Any], subject: Any, number: int = 0) -> None:
        future = self._client.submit(work, self._name, subject, pure=False, retries=0, priority=-number)
        self._futures[future] = subject
        future.add_done_callback(self._done.put)

    def _results(self) -> Iterator[tuple[Any, Any]]:
        """Return (subject, result) of everything submitted, as it comes; a `KilledWorker` is a result."""
        while self._futures:
            future = self._next()
            for result in self._outcome(future):
                yield self._futures.pop(future), result

    def _next(self) -> Future[Any]:
        """Return a future that is done."""
        deadline = time.monotonic() + self._patience
        while True:
            with suppress(queue.Empty):
                future: Future[Any] = self._done.get(timeout=_POLL)
                if future in self._futures and future.done():
                    return future
                if future in self._futures:  # its result was lost with its worker
                    future.add_done_callback(self._done.put)
            if self._threads():
                deadline = time.monotonic() + self._patience
            elif time.monotonic() > deadline:
                raise self._lost(f"no worker for {self._patience:.0f} s")

    def _threads(self) -> int:
        """Return how many questions the workers can ask at once."""
        try:
            if self._client.status == "running":
                return sum(self._client.nthreads().values())
        except (OSError, ValueError, asyncio.TimeoutError, asyncio.CancelledError):
            if self._client.status == "running":
                raise
        raise self._lost("it ended")

    def _outcome(self, future: Future[Any]) -> list[Any]:
        """Return the result alone in a list; an empty one if it was lost with its worker, so that another answers."""
        if future.status == "error":
            return [self._failure(future)]
        try:
            return [future.result(timeout=2 * _POLL)]
        except (OSError, asyncio.TimeoutError, asyncio.CancelledError, concurrent.futures.CancelledError):
            if future.status == "cancelled" or self._client.status != "running":
                raise self._lost("it ended") from None
            future.add_done_callback(self._done.put)  # questions return their errors, so this is of the connection
            return []

    def _lost(self, what: str) -> InputError:
        return InputError(f"scheduler {self._client.scheduler}: {what}. {_KEPT}")

    def _failure(self, future: Future[Any]) -> BaseException:
        """Return the error of a question whose workers ended; raise any other."""
        from distributed.scheduler import KilledWorker

        error = future.exception()
        if isinstance(error, KilledWorker):
            return error
        if error is None or isinstance(error, InputError | OSError | MemoryError):
            raise error or InputError(f"a worker failed. {_KEPT}")
        raise InputError(f"a worker failed: {type(error).__name__}: {_line(error)}. {_KEPT}") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def _distributed(option: str) -> Any:
    try:
        import distributed
    except ImportError:
        raise InputError(f"{option}: expected the package distributed; got none. {_INSTALL}") from None
    return distributed
