"""`mlx-saccade sweep --workers`: the answers of one process, with a killed worker too, and a clean end at Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from mlx_saccade import evals
from mlx_saccade.evals import cluster
from mlx_saccade.evals.engines import InProcess

SIZE = (448, 336)
COMMAND = [sys.executable, "-m", "mlx_saccade", "sweep", "--size", "448x336", "--budgets", "16,64", "--json"]


def answers(path: Path) -> list[tuple[object, ...]]:
    """Return all but times, memory, and the confidence, whose last digits depend on the number of threads."""
    return [(row.key, row.image_id, row.reply.boxes, row.reply.text) for row in evals.read_run(path).rows]


def test_workers_give_the_answers_of_one_process(tmp_path: Path) -> None:
    for name, more in (("one", []), ("two", ["--workers", "2"])):
        words = [*COMMAND, "--n", "40", "--policy", "flat,zoom", "--out", str(tmp_path / name), *more]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=True)
        assert done.stderr == ""
    assert len(answers(tmp_path / "one")) == 160
    assert answers(tmp_path / "one") == answers(tmp_path / "two")


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    data, opener = evals.Scenes(60, size=SIZE), partial(InProcess)
    questions = evals.questions_of(data, (16, 64), ("flat",))
    keys: list[tuple[str, str, str]] = []
    with cluster.local_workers(2) as client, evals.RunFolder(tmp_path / "run", data, opener()) as run:
        pids = list(client.run(os.getpid).values())

        def note(row: evals.Row) -> None:
            keys.append(row.key)
            if len(keys) == 10:
                os.kill(pids[0], signal.SIGKILL)

        cluster.ask_on_cluster(client, run, data, opener, questions, note)
    assert len(keys) == len(set(keys)) == 120
    with evals.RunFolder(tmp_path / "plain", data, opener()) as run:
        evals.ask_missing(run, data, opener(), questions)
    assert answers(tmp_path / "run") == answers(tmp_path / "plain")


def test_ctrl_c_to_all_processes_ends_them_and_leaves_a_run_to_go_on_with(tmp_path: Path) -> None:
    rows = tmp_path / "run" / "rows.jsonl"
    words = [*COMMAND, "--n", "3000", "--workers", "2", "--out", str(tmp_path / "run")]
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while (not rows.exists() or rows.read_bytes().count(b"\n") < 20) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, "mlx-saccade: interrupted\n")
    with pytest.raises(ProcessLookupError):  # all have ended
        while time.monotonic() < deadline + 120:
            os.killpg(process.pid, 0)
            time.sleep(0.02)
    assert 20 <= len(evals.read_run(tmp_path / "run").rows) < 6000
    assert not (tmp_path / "run" / ".lock").exists()
