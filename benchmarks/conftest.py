"""Fixtures of all tables: cells that are timed or missing, the 4K picture, and the tables at the end of a run."""

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
    "cykooz.resizer",
    "opencv-python-headless",
    "pyvips",
    "imagecodecs",
    "pyspng",
    "simplejpeg",
)


MILLISECONDS = "milliseconds, the fastest call"


class Cell:
    """One cell of a table, which a test fills in."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.request, self.tables = request, request.config.stash[TABLES]

    def time(
        self, title: str, row: str, side: str, work: Callable[[], Any], note: str = "", **options: Any
    ) -> float | None:
        """Time `work`, put the fastest call's milliseconds and return its seconds; None with --benchmark-disable.

        Of a cell that is timed in several turns the fastest call of all of them stays in the table.

        A result is let go within the call, on every side: two of them at a time are more than a cache holds. Options as
        pytest-benchmark's `pedantic`.
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
        least = min(1000 * seconds, self.tables.value(title, row, side))
        self.put(title, row, side, least, MILLISECONDS, note)
        return seconds

    def _turn(self) -> int | None:
        """Which of a cell's turns this is, counted from 0; None where it is timed once."""
        callspec = getattr(self.request.node, "callspec", None)
        return None if callspec is None else callspec.params.get("turn")

    def put(self, title: str, row: str, side: str, value: float, unit: str, note: str = "") -> None:
        """A number that was measured otherwise."""
        self.tables.put(title, row, side, Entry(value, note), unit)

    def missing(self, title: str, row: str, side: str, error: ImportError, unit: str = MILLISECONDS) -> None:
        """Show that a peer is not there, and skip the rest of the test."""
        reason = f"{error}; `make peers` installs it"
        self.tables.put(title, row, side, Entry(None, reason), unit)
        pytest.skip(f"{side}: {reason}")


@pytest.fixture
def cell(request: pytest.FixtureRequest) -> Cell:
    return Cell(request)


@pytest.fixture(scope="session")
def screen() -> NDArray[np.uint8]:
    """3840x2160 of noise; what is in a picture makes no difference to a resize."""
    return noise((3840, 2160))


@pytest.fixture(autouse=True)
def default_kernel_and_threads() -> Iterator[None]:
    """Undoes a test's choice of kernel and threads."""
    yield
    _core.select_kernel(None)
    _core.limit_threads(0)


def version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{package} missing"


def machine() -> str:
    """The CPU's name, what may be used of it, and what runs on it."""
    name = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        named = [line.split(":")[1].strip() for line in cpus.read_text().splitlines() if line.startswith("model name")]
        name = named[0] if named else name
    core = f"kernel {_core.kernel()}; saccade {_core.version()}, numpy {np.__version__}"
    return f"{name}, {os.cpu_count()} CPUs, {_core.threads()} threads; {core}, {', '.join(map(version, PACKAGES))}"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TABLES] = Tables()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All sides of a row one after the other, turn by turn: a machine that slows down then slows down all of them."""
    places: dict[tuple[Path, Any, Any], int] = {}

    def place(item: pytest.Item) -> int:
        callspec = getattr(item, "callspec", None)
        params = callspec.params if callspec is not None else {}
        return places.setdefault((item.path, params.get("row"), params.get("turn")), len(places))

    items.sort(key=place)


@pytest.hookimpl(trylast=True)  # after pytest-benchmark's own, so that the ratios stand last
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    tables = config.stash[TABLES]
    if tables.by_title:
        terminalreporter.section("tables", sep="=")
        terminalreporter.write_line(f"{machine()}\n\nIn brackets: times the first column.\n\n{tables.markdown()}")
