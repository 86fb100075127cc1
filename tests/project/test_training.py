"""The training loop: a process that has ended is noticed, and a run resumes only with its own arguments.

`pytest -m live`, where torch is.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.live

TRAINING = Path(__file__).resolve().parents[2] / "training"
BEGUN = {"seed": 3, "rate": 2e-3, "init": None, "workers": 2, "image_tokens": 120, "minutes": None, "steps": 6}


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(TRAINING)
    return importlib.import_module("train")


def shared(train: Any, folder: Path) -> Any:
    """Return the part of a run that `alone` needs, without its network."""
    run = train.Shared.__new__(train.Shared)
    run.lock, run.main, run.others, run.folder = get_context().Lock(), os.getpid(), (), folder
    return run


def end(lock: Any, code: int | None) -> None:
    lock.acquire()
    if code is None:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(code or 0)


def command(out: Path, *words: str) -> list[str]:
    program = str(TRAINING / "train.py")
    return [program, "--out", str(out), "--steps", "100000", "--image-tokens", "60", *words]


def helpers(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(("code", "how"), [(None, "was killed by signal 9"), (1, "failed")])
def test_the_first_process_does_not_wait_for_one_that_is_gone(
    code: int | None, how: str, train: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(train, "PATIENCE", 0.05)
    run = shared(train, tmp_path)
    other = get_context("fork").Process(target=end, args=(run.lock, code))
    other.start()
    other.join()
    run.others = [other]
    assert run.failed() == (code == 1)
    with pytest.raises(SystemExit, match=f"process 1 of this run {how} while it held the weights; nothing has been"):
        run.alone().__enter__()


def test_a_process_that_is_done_is_not_missed(train: Any, tmp_path: Path) -> None:
    run = shared(train, tmp_path)
    other = get_context("fork").Process(target=os._exit, args=(0,))
    other.start()
    other.join()
    run.others = [other]
    assert run.lost() is None and not run.failed()
    with run.alone():
        pass


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the process to kill by Linux's own list")
def test_a_run_without_its_helper_saves_ends_and_takes_no_other_seed(
    train: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    process = subprocess.Popen([sys.executable, *command(tmp_path)], stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 300
        while not helpers(process.pid) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(helpers(process.pid)[0], signal.SIGKILL)
        _, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 1
    latest = tmp_path / "latest.pt"
    killed = "process 1 of this run was killed by signal 9"
    assert err.splitlines()[-1] == f"{killed}; the same command resumes from {latest}"
    before = latest.read_bytes()
    monkeypatch.setattr(sys, "argv", command(tmp_path, "--seed", "1"))
    with pytest.raises(SystemExit) as error:
        train.main()
    assert error.value.code == 2
    message = (
        f"train.py: {latest} was begun with --seed 0, this run is with --seed 1; give the same, or another --out\n"
    )
    assert capsys.readouterr().err == message
    assert latest.read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rate": 1e-3}, "begun with --rate 0.002, this run is with --rate 0.001"),
        ({"init": Path("weights"), "rate": 1e-3}, "begun without --init, this run is with --init weights"),
        ({"workers": 1}, "begun with --workers 2, this run is with --workers 1"),
        ({"image_tokens": 60}, "begun with --image-tokens 120, this run is with --image-tokens 60"),
        ({"minutes": 5.0}, "begun without --minutes, this run is with --minutes 5.0"),
        ({"steps": 7}, "begun with --steps 6, this run is with --steps 7"),
    ],
)
def test_a_run_goes_on_with_its_own_arguments_alone(changed: dict[str, Any], message: str, train: Any) -> None:
    saved = train.settings(Namespace(**BEGUN))
    now = train.settings(Namespace(**(BEGUN | changed)))
    train.check_same(saved, saved, Path("latest.pt"))
    train.check_same({}, now, Path("latest.pt"))  # an older state
    with pytest.raises(train.InputError, match=message):
        train.check_same(saved, now, Path("latest.pt"))


def test_by_the_clock_a_length_in_steps_does_not_count(train: Any) -> None:
    one, two = (train.settings(Namespace(**(BEGUN | {"minutes": 5.0, "steps": steps}))) for steps in (6, 7))
    assert one == two


def test_an_export_that_fails_leaves_the_old_files_whole(
    train: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    export, aux_heads = importlib.import_module("export"), importlib.import_module("aux_heads")
    net = train.Net(train.Shape(train.TOKENIZER.get_vocab_size()))
    written = export.export(net, tmp_path)
    assert written == sum(path.stat().st_size for path in tmp_path.iterdir())
    aux_heads.save_heads(net, tmp_path, tmp_path / "heads.safetensors")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        export.export(net, tmp_path)
    with pytest.raises(OSError, match="no space left"):
        aux_heads.save_heads(net, tmp_path, tmp_path / "heads.safetensors")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert aux_heads.load_heads(net, tmp_path, tmp_path / "heads.safetensors")
