"""The evaluation in several processes: the same answers, and a clean end in every case."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlx_saccade.checkpoint import hub
from mlx_saccade.errors import InputError
from mlx_saccade.evals import tiny

COMMAND = [sys.executable, "-m", "mlx_saccade", "tiny", "evaluate", "--processes", "2", "--out"]


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    """The packaged checkpoint with a config.json that is refused."""
    folder = tmp_path / "model"
    shutil.copytree(hub.find(None), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    return folder


def test_several_processes_give_the_answers_of_one() -> None:
    units = [0, 4, 8]
    with tiny.parallel(None, 2) as ask:
        assert dict(ask("range", units)) == dict(tiny.serial(None)("range", units))


def test_a_checkpoint_that_does_not_load_gives_one_line(unreadable: Path, tmp_path: Path) -> None:
    words = [*COMMAND, str(tmp_path / "j"), "--model", str(unreadable)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "hidden_act" in done.stderr and done.stderr.count("\n") == 1


def test_a_process_that_is_killed_is_noticed() -> None:
    with pytest.raises(InputError, match="ended before its work"), tiny.parallel(None, 2) as ask:
        answers = ask("range", range(0, 400, 4))
        next(answers)
        child = multiprocessing.active_children()[0]
        os.kill(child.pid or 0, signal.SIGKILL)
        list(answers)
    assert not multiprocessing.active_children()


def test_ctrl_c_to_all_processes_leaves_a_run_log_to_resume(tmp_path: Path) -> None:
    path = tmp_path / "j"
    words = [*COMMAND, str(path), "--screens", "500", "--parts", "range"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while (not path.exists() or path.read_bytes().count(b"\n") < 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "mlx-saccade: interrupted\n")
    assert all(json.loads(line) for line in path.read_text().splitlines())
    with pytest.raises(ProcessLookupError):  # all have ended
        while time.monotonic() < deadline + 60:
            os.killpg(process.pid, 0)
            time.sleep(0.02)
