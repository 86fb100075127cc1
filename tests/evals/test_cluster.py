"""Sweeps on a cluster: the rows of a serial run, also when a worker is killed, and errors with their reason."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sweep_stand_ins
from sweep_stand_ins import Data, Runtime, sweep, untimed

from mlx_saccade import evals
from mlx_saccade.cli.__main__ import main
from mlx_saccade.errors import InputError

pytest.importorskip("distributed")

from mlx_saccade.evals import cluster

HERE = Path(sweep_stand_ins.__file__).parent
WORKER_OPTIONS = ("--nworkers", "1", "--nthreads", "2", "--no-nanny", "--no-dashboard", "--memory-limit", "0")


class Cluster:
    """A scheduler and workers, processes on the loopback interface; `workers` has those that were started."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
        self.options: dict[str, Any] = {"env": environment, "cwd": folder, "stderr": subprocess.DEVNULL}
        scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
        self.scheduler = subprocess.Popen(
            [*scheduler, "--no-dashboard", "--scheduler-file", str(self.file)], **self.options
        )
        self.workers: list[subprocess.Popen[bytes]] = []

    def add_worker(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "distributed.cli.dask_worker", *WORKER_OPTIONS, "--host", "127.0.0.1"]
        self.workers.append(subprocess.Popen([*words, "--scheduler-file", str(self.file)], **self.options))
        return self.workers[-1]

    @property
    def address(self) -> str:
        deadline = time.monotonic() + 120
        while not self.file.exists() or not self.file.read_text():
            assert time.monotonic() < deadline and self.scheduler.poll() is None
            time.sleep(0.02)
        return str(json.loads(self.file.read_text())["address"])

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
        for process in (*self.workers, self.scheduler):
            process.wait()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that starts two workers."""
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    started.add_worker()
    started.add_worker()
    yield started
    started.close()


def ask(client: Any, out: Path, data: Data, opener: Any, **options: Any) -> list[evals.Row]:
    """Ask two budgets under two policies, and return the rows as they came."""
    rows: list[evals.Row] = []
    with evals.RunFolder(out, data, opener(), data.notes) as run:
        questions = evals.questions_of(data, (64, 256), ("flat", "zoom"))
        cluster.ask_on_cluster(client, run, data, opener, questions, rows.append, **options)
    return rows


def plain(out: Path, data: Data) -> list[evals.Row]:
    sweep(out, data, Runtime(data), policies=("flat", "zoom"))
    return untimed(evals.read_run(out))


def test_a_cluster_gives_the_rows_of_a_serial_run_and_extends_it(shared: Cluster, tmp_path: Path) -> None:
    with cluster.connect(shared.address, timeout=120) as client:
        for n in (3, 7):
            rows = ask(client, tmp_path / "run", Data(n), partial(Runtime, Data(n)))
            assert len(rows) == len({row.key for row in rows}) == (12 if n == 3 else 16)
        assert ask(client, tmp_path / "run", Data(7), partial(Runtime, Data(7))) == []
    assert untimed(evals.read_run(tmp_path / "run")) == plain(tmp_path / "plain", Data(7))


def test_a_worker_opens_the_runtime_once(shared: Cluster, tmp_path: Path) -> None:
    data, log = Data(20), tmp_path / "opened"
    opener = partial(sweep_stand_ins.logged_runtime, data, str(log))
    with cluster.connect(shared.address, timeout=120) as client:
        client.wait_for_workers(2, timeout=120)
        assert len(ask(client, tmp_path / "run", data, opener)) == 80
    processes = log.read_text().split()
    assert processes[0] == str(os.getpid())  # for the identity; it is not asked
    assert len(processes) == len(set(processes)) <= 3


def test_dask_is_not_imported_unless_workers_ask(tmp_path: Path) -> None:
    program = (
        "import sys; from mlx_saccade.cli.__main__ import main; from mlx_saccade.cli.sweeps import worker_options; "
        "main(['sweep', '--n', '1', '--size', '448x336', '--budgets', '16', '--out', 'run']); "
        "print([name for name in ('dask', 'distributed', 'tornado', 'pyarrow') if name in sys.modules])"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_cluster_without_the_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    for context in (cluster.local_workers(2), cluster.connect("tcp://127.0.0.1:1")):
        with (
            pytest.raises(InputError, match=r"expected the package distributed; got none\. pip install 'mlx-s"),
            context,
        ):
            pass


def test_errors_of_a_cluster_have_their_reason(shared: Cluster, tmp_path: Path) -> None:
    data = Data(2)
    with cluster.connect(shared.address, timeout=120) as client:
        for name, opener, message in (
            ("refuses", partial(sweep_stand_ins.RefusingRuntime, data), "policy: expected flat; got zoom"),
            ("breaks", partial(sweep_stand_ins.BrokenRuntime, data), "a worker failed: ZeroDivisionError: division by"),
            (
                "differs",
                partial(sweep_stand_ins.other_in_worker, data),
                "a worker: model: expected 'sha256 ab'; got 'sh",
            ),
        ):
            with pytest.raises(InputError, match=message):
                ask(client, tmp_path / name, data, opener)
            assert not (tmp_path / name).exists()
        failing = partial(Runtime, data, failing=("t1",))
        rows = ask(client, tmp_path / "fails", data, failing)
        assert sorted(row.target.id for row in rows if row.reply.error) == ["t1"] * 4


def test_a_worker_that_is_killed_loses_no_question_and_adds_none(shared: Cluster, tmp_path: Path) -> None:
    data = Data(30)
    victim = shared.workers[0]
    with cluster.connect(shared.address, timeout=120) as client:
        client.wait_for_workers(2, timeout=120)
        seen = threading.Semaphore(0)

        def kill() -> None:
            for _ in range(12):
                seen.acquire()
            os.kill(victim.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        opener = partial(Runtime, data, seconds=0.02)
        rows: list[evals.Row] = []
        with evals.RunFolder(tmp_path / "run", data, opener(), data.notes) as run:
            questions = evals.questions_of(data, (64, 256), ("flat", "zoom"))

            def note(row: evals.Row) -> None:
                rows.append(row)
                seen.release()

            cluster.ask_on_cluster(client, run, data, opener, questions, note)
        killer.join()
        assert victim.wait(timeout=60) == -signal.SIGKILL
        assert len(rows) == len({row.key for row in rows}) == 120
        assert len(client.nthreads()) == 1
    run_of = evals.read_run(tmp_path / "run")
    assert (run_of.missing, run_of.repeated) == (0, 0)
    assert (tmp_path / "run" / "rows.jsonl").read_bytes().count(b"\n") == 120
    assert untimed(run_of) == plain(tmp_path / "plain", data)


def test_a_sweep_ends_when_all_workers_or_the_scheduler_are_lost_and_keeps_its_answers(tmp_path: Path) -> None:
    data, own = Data(10), Cluster(tmp_path)
    opener = partial(Runtime, data, seconds=0.02)
    questions = evals.questions_of(data, (64, 256), ("flat",))
    try:
        for victim, message in (
            (own.add_worker(), r"scheduler .*no worker for 0 s\. The answers so far are kept"),
            (own.scheduler, r"scheduler .*: it ended\. The answers so far are kept"),
        ):
            if victim is own.scheduler:
                own.add_worker()
            with (
                cluster.connect(own.address, timeout=30) as client,
                evals.RunFolder(tmp_path / "run", data, opener(), data.notes) as run,
                pytest.raises(InputError, match=message),
            ):
                kill = partial(os.kill, victim.pid, signal.SIGKILL)
                cluster.ask_on_cluster(
                    client, run, data, opener, questions, lambda row, kill=kill: kill(), patience=0.1
                )
    finally:
        own.close()
    assert 2 <= len(evals.read_run(tmp_path / "run").rows) < 20
    sweep(tmp_path / "run", data, Runtime(data))
    sweep(tmp_path / "plain", data, Runtime(data))
    assert untimed(evals.read_run(tmp_path / "run")) == untimed(evals.read_run(tmp_path / "plain"))


def test_command_asks_on_a_cluster(
    shared: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["scenes", "--n", "1", "--size", "448x336", "--out", "screens", "--quiet"]) == 0
    words = ["sweep", "--data", "screens", "--n", "3", "--budgets", "64", "--policy", "flat,zoom", "--json"]
    capsys.readouterr()
    for name, more in (("cluster", ["--scheduler", shared.address]), ("plain", [])):
        assert main([*words, "--out", name, *more]) == 0
        assert json.loads(capsys.readouterr().out)["questions"] == 6
    cluster_rows, plain_rows = (
        [(row.key, row.image_id, row.reply.boxes, row.reply.text) for row in evals.read_run(name).rows]
        for name in ("cluster", "plain")
    )
    assert cluster_rows == plain_rows
    assert main([*words, "--workers", "2", "--scheduler", shared.address]) == 2
    assert "--workers: expected it without --scheduler" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "tcp://127.0.0.1:99999999"])
def test_an_address_without_a_scheduler_is_named(address: str) -> None:
    message = f"--scheduler {address}: expected a scheduler of dask"
    with pytest.raises(InputError, match=message), cluster.connect(address, timeout=0.5):
        pass


@pytest.mark.parametrize("address", ["", "foo", "tcp://foo", "nonsense://x:1"])
def test_what_is_no_address_is_refused_before_a_client_starts(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distributed.Client", None)
    with pytest.raises(InputError, match=r"port number|address scheme"), cluster.connect(address):
        pass


def test_fewer_than_one_worker_are_refused() -> None:
    with pytest.raises(InputError, match="--workers: expected at least 1; got 0"), cluster.local_workers(0):
        pass
