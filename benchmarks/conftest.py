"""Provide the fixtures of all tables, and print the tables at the end of a run."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlx_saccade import _core

sys.path.insert(0, str(Path(__file__).parent))
from inputs import noise
from tables import Entry, Tables

TABLES = pytest.StashKey[Tables]()
PACKAGES = (
    "pillow",
    "transformers",
    "torch",
    "torchvision",
    "mlx-vlm",
    "hf-processors-rs",
    "cykooz.resizer",
    "opencv-python-headless",
    "pyvips",
    "imagecodecs",
    "kornia-rs",
    "pyspng",
    "simplejpeg",
)

MILLISECONDS = "milliseconds, the fastest call"


class Cell:
    """A cell of a table, filled in by a test."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.request, self.tables = request, request.config.stash[TABLES]

    def time(
        self, title: str, row: str, side: str, work: Callable[[], Any], note: str = "", **options: Any
    ) -> float | None:
        """Time a call and record its fastest run in milliseconds.

        A cell that is timed in several turns keeps the fastest call of all turns. A result is released within the call,
        since two results at a time exceed a cache.

        Args:
            title: title of the table.
            row: row of the cell.
            side: column of the cell.
            work: the call.
            note: a remark below the table.
            options: arguments of pytest-benchmark's `pedantic`.

        Returns:
            Seconds of the fastest call; None with --benchmark-disable.
        """

        def call() -> None:
            work()

        benchmark = self.request.getfixturevalue("benchmark")
        turn = self._turn()
        benchmark.group, benchmark.name = f"{title}: {row}", side if turn is None else f"{side}, turn {turn + 1}"
        benchmark.pedantic(call, **{"rounds": 15, "warmup_rounds": 2, **options})
        if benchmark.stats is None:
            return None
        seconds: float = benchmark.stats.stats.min
        fastest = min(1000 * seconds, self.tables.value(title, row, side))
        self.put(title, row, side, fastest, MILLISECONDS, note)
        return seconds

    def _turn(self) -> int | None:
        """Return the number of this turn, from 0; None where a cell is timed once."""
        callspec = getattr(self.request.node, "callspec", None)
        return None if callspec is None else callspec.params.get("turn")

    def put(self, title: str, row: str, side: str, value: float, unit: str, note: str = "") -> None:
        """Record a number that the test measured itself."""
        self.tables.put(title, row, side, Entry(value, note), unit)

    def missing(self, title: str, row: str, side: str, error: ImportError, unit: str = MILLISECONDS) -> None:
        """Record a peer that is not installed, and skip the rest of the test."""
        reason = f"{error}; `make peers` installs it"
        self.tables.put(title, row, side, Entry(None, reason), unit)
        pytest.skip(f"{side}: {reason}")


@pytest.fixture
def cell(request: pytest.FixtureRequest) -> Cell:
    """Return the test's access to the tables of the run."""
    return Cell(request)


@pytest.fixture(scope="session")
def screen() -> NDArray[np.uint8]:
    """Return 3840x2160 of noise; the content of an image does not change the time of a resize."""
    return noise((3840, 2160))


@pytest.fixture(autouse=True)
def default_kernel_and_threads() -> Iterator[None]:
    """Reset the kernel and the threads that a test selected."""
    yield
    _core.select_kernel(None)
    _core.limit_threads(0)


def version(package: str) -> str:
    """Return the name and version of a package, or that it is missing."""
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} missing"


def machine() -> str:
    """Return the CPU, its threads, the kernel and the versions of all packages, in one line."""
    name = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        lines = cpus.read_text().splitlines()
        models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        name = models[0] if models else name
    core = f"kernel {_core.kernel()}; saccade {_core.version()}, numpy {np.__version__}"
    return f"{name}, {os.cpu_count()} CPUs, {_core.threads()} threads; {core}, {', '.join(map(version, PACKAGES))}"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLES] = Tables()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all sides of a row in succession, turn by turn, so that a slow moment of the machine affects all of them."""
    positions: dict[tuple[Path, Any, Any], int] = {}

    def position(item: pytest.Item) -> int:
        callspec = getattr(item, "callspec", None)
        params = callspec.params if callspec is not None else {}
        return positions.setdefault((item.path, params.get("row"), params.get("turn")), len(positions))

    items.sort(key=position)


@pytest.hookimpl(trylast=True)  # after pytest-benchmark's own, so that the ratios come last
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    tables = config.stash[TABLES]
    if tables.by_title:
        terminalreporter.section("tables", sep="=")
        terminalreporter.write_line(f"{machine()}\n\nIn brackets: times the first column.\n\n{tables.markdown()}")
