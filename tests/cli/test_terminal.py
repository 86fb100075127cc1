"""Commands on terminals of 60, 80 and 120 columns: no line is broken by the terminal, and no content is lost."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import sys
import termios
import threading
import time
from collections import Counter
from pathlib import Path

import mlx.core as mx
import pyte
import pytest
import run_rows

from mlx_saccade.checkpoint import hub
from mlx_saccade.cli.__main__ import COMMANDS, main

WIDTHS = (120, 80, 60)
EXAMPLE_RUN = Path(__file__).parents[1] / "bench" / "example_run.json"
RUNS = (
    "demo --out demo.png",
    "plan 3840x2160 --picture plan.png",
    "sizes",
    "sizes --family qwen3-vl 640x480",
    "runtimes 3840x2160",
    "recommend --target 32x32 --image 3840x2160",
    "recommend --target 300x200 --image 640x480",
    "doctor",
    "mlx-vlm",
    "mlx-vlm",
    "bench preprocess 640x480 --budgets 64,256",
    "bench compare RUN RUN",
    "scenes --n 1 --size 320x240 --out screens",
    "scenes --n 1 --size 320x240 --ambiguous --out screens",
    "sweep --n 2 --size 640x360 --budgets 16,64",
    "sweep report SWEEP --compare published",
    "sweep report SWEEP --by type",
    "sweep compare SWEEP SWEEP",
    "sweep export SWEEP --out rows.csv",
    "elements pairs --n 2 --size 320x240 --out pairs",
    "tiny evaluate --parts range --screens 1",
    "dashboard build",
    "convert MODEL small",
    "locate screen.png 'the red dialog' --verbose",
)


class Terminal:
    """A pseudo-terminal of some columns in place of standard output, and what was written to it."""

    def __init__(self, columns: int) -> None:
        self.master, slave = os.openpty()
        termios.tcsetwinsize(slave, (50, columns)) if sys.version_info >= (3, 11) else _set_size(slave, columns)
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self.text = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while part := os.read(self.master, 4096):
                self.text += part
        except OSError:  # the other side is closed
            pass

    def close(self) -> str:
        self.stream.close()
        self._reader.join()
        os.close(self.master)
        return self.text.decode()


def _set_size(terminal: int, columns: int) -> None:
    import fcntl
    import struct

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))


def printed(words: str, columns: int, folder: Path) -> list[str]:
    """Return the lines that a command prints on a terminal; an emulator agrees that none is wider."""
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        patch.chdir(folder)
        ticks = itertools.count()
        patch.setattr(time, "perf_counter", lambda: next(ticks) / 1000)  # the same figures at every width
        patch.setattr(mx, "get_peak_memory", lambda: 10**7)
        terminal = Terminal(columns)
        patch.setattr(sys, "stdout", terminal.stream)
        patch.setattr(sys, "__stdout__", terminal.stream)
        try:
            assert main(shlex.split(words)) == 0
        finally:
            text = terminal.close()
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    screen = pyte.Screen(columns, len(lines) + 200)
    pyte.Stream(screen).feed(text)
    # A word that is about as long as the terminal is wide, such as a path, stays whole.
    # A command line to copy stays whole too: a terminal gives it back as one line.
    long = [line for line in lines if len(line) > columns and not line.startswith("  mlx-saccade ")]
    assert [line for line in long if max(map(len, line.split())) < columns - 30] == []
    if max(map(len, lines)) <= columns:
        assert [line.rstrip() for line in screen.display[: len(lines)]] == lines
    return lines


def content(lines: list[str]) -> Counter[str]:
    return Counter(word for line in lines for word in line.split() if not re.fullmatch("-+", word))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run with two policies."""
    answers = [*run_rows.rows({256: 0.3, 1280: 0.6}), *run_rows.rows({256: 0.5}, policy="zoom:share=0.4")]
    return run_rows.write(tmp_path_factory.mktemp("runs") / "run", answers)


@pytest.mark.parametrize("words", RUNS)
def test_narrow_terminals_show_all_that_a_wide_one_shows(words: str, sweep: Path, tmp_path: Path) -> None:
    from mlx_saccade.cli.commands.demo import read_targets

    words = words.replace("MODEL", str(hub.find(None))).replace("RUN", str(EXAMPLE_RUN)).replace("SWEEP", str(sweep))
    wide, *narrow = WIDTHS
    shown = {}
    for width in WIDTHS:
        folder = tmp_path / str(width)
        folder.mkdir()
        if "screen.png" in words:
            (folder / "screen.png").write_bytes(read_targets()[0])
        lines = [line.replace(str(folder), "") for line in printed(words, width, folder)]
        shown[width] = content(lines)
    for width in narrow:
        assert shown[wide] - shown[width] == Counter(), width


def test_every_command_that_prints_for_people_is_tested() -> None:
    assert set(COMMANDS) - {words.split()[0] for words in RUNS} <= {"ask", "chat", "mcp", "serve", "screens"}


def test_demo_at_80_columns_has_a_line_for_each_target(tmp_path: Path) -> None:
    lines = printed("demo --out demo.png", 80, tmp_path)
    assert re.fullmatch("description +target +box in source pixels +correct +tokens +ms", lines[0])
    for line in lines[2:8]:
        assert re.fullmatch(r"the [a-z ]+?  +(large|medium|small) +\d+, \d+, \d+, \d+  yes +252 +\d+", line), line


@pytest.mark.parametrize(("columns", "width"), [(None, 80), ("120", 120), ("60", 60), ("7", 40)])
def test_in_a_pipe_lines_have_80_columns_or_those_of_the_variable(
    columns: str | None, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlx_saccade.cli import output

    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "__stdout__", None)  # as where it is no terminal
    assert output.columns() == width
    assert main(["runtimes", "3840x2160"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= width
