"""`mlx-saccade screens` on this machine's programs; part of `make check-long`.

Skipped where packages are missing, which the message names (docs/guides/real-screens.md lists them all).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mlx_saccade.evals.screens import requirements
from mlx_saccade.evals.screens.collection import choose_screens

if sys.platform != "linux" or requirements.missing():
    pytest.skip(f"NOT RUN: needs {requirements.missing()}", allow_module_level=True)
try:
    PROGRAMS = sorted({screen.application.program for screen in choose_screens()})
except ValueError as error:
    pytest.skip(f"NOT RUN: {error}", allow_module_level=True)
COMMAND = [sys.executable, "-m", "mlx_saccade", "screens"]
SIZE = (3840, 2160)


def record(out: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run([*COMMAND, "--out", str(out), "--json", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_every_program_gives_a_screen_and_a_second_run_keeps_them(tmp_path: Path) -> None:
    answer = record(tmp_path, "--n", str(len(PROGRAMS)))
    assert answer["recorded"] == answer["screens"] == len(PROGRAMS), answer["skipped"]
    entries = json.loads((tmp_path / "annotations.json").read_text())
    assert answer["targets"] == len(entries) > 10 * len(PROGRAMS)
    for name in {entry["img_filename"] for entry in entries}:
        with Image.open(tmp_path / name) as image:
            assert image.size == SIZE
        texts = [entry["instruction"] for entry in entries if entry["img_filename"] == name]
        assert len(set(texts)) == len(texts)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.png")}
    again = record(tmp_path, "--n", str(len(PROGRAMS)))
    assert (again["recorded"], again["targets"]) == (0, answer["targets"])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.png")} == before


def processes_with(text: str) -> list[str]:
    """Return the commands of all processes whose environment holds a text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text())
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_end_in_the_midst_of_it_leaves_no_process_and_no_folder(number: int, tmp_path: Path) -> None:
    # Named by a folder of its own, which all of its processes have in their environment.
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [*COMMAND, "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        waited = time.monotonic() + 120
        while len(processes_with(str(tmp_path))) < 6 and time.monotonic() < waited:
            time.sleep(0.2)
        assert len(processes_with(str(tmp_path))) >= 6
        process.send_signal(number)
        assert process.wait(120) == (130 if number == signal.SIGINT else -number)
    waited = time.monotonic() + 60
    while (processes_with(str(tmp_path)) or list(tmp_path.glob("screens-*"))) and time.monotonic() < waited:
        time.sleep(0.2)
    assert processes_with(str(tmp_path)) == []
    assert not list(tmp_path.glob("screens-*"))
