"""Time saccade's binding beside the same one written with pybind11: calls, import and size of the file.

    make bench TABLES=benchmarks/binding

Both are built in build/binding from one static core, with the release options that each project recommends.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from conftest import Cell

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "binding"
MODULES = {"nanobind": "_core", "pybind11": "saccade_pybind11"}
CALLS, IMPORT, SIZE = "Binding, a call", "Binding, an import", "Binding, the file"

PIXEL = np.zeros((1, 1, 3), np.uint8)
IDS = np.arange(40)
WORKS: dict[str, Callable[[Any], Any]] = {
    "version(): nothing in, a string out": lambda core: core.version(),
    "smart_resize: five integers in, two out": lambda core: core.smart_resize(2160, 3840, 28, 3136, 1003520),
    "resize: an array of one pixel in, one out": lambda core: core.resize(PIXEL, 1, 1, "pillow13"),
    "resize_patchify_native: 1 pixel to 4 patches of 1": lambda core: core.resize_patchify_native(
        PIXEL, 2, 2, "pillow13", 1, 2, 0
    ),
    "window_index: one grid in, two arrays out": lambda core: core.window_index([(1, 2, 2)], 2, 112, 14),
    "mrope_positions: 40 tokens": lambda core: core.mrope_positions(IDS, [], [], [], 91, 92, 93, 2, 2),
}


@pytest.fixture(scope="session")
def modules() -> dict[str, ModuleType]:
    """Build and import both modules; return none if pybind11 is missing."""
    if importlib.util.find_spec("pybind11") is None:
        return {}
    scripts = Path(sys.executable).parent
    cmake = shutil.which("cmake", path=str(scripts)) or "cmake"
    command = [cmake, "-S", str(HERE), "-B", str(BUILD), "-DCMAKE_BUILD_TYPE=Release"]
    subprocess.run([*command, f"-DPython_EXECUTABLE={sys.executable}"], check=True, capture_output=True)
    subprocess.run([cmake, "--build", str(BUILD), "--parallel", "2"], check=True, capture_output=True)
    loaded = {}
    for side, name in MODULES.items():
        spec = importlib.util.spec_from_file_location(name, file_of(name))
        assert spec is not None
        assert spec.loader is not None
        loaded[side] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded[side])
    return loaded


def require_modules(cell: Cell, modules: dict[str, ModuleType], title: str, row: str, side: str) -> None:
    """Record the cell as missing if the modules could not be built."""
    if not modules:
        cell.missing(title, row, side, ImportError("No module named 'pybind11', without which nothing is built here"))


def file_of(name: str) -> Path:
    """Return the path of a compiled module."""
    return next(path for path in BUILD.iterdir() if path.name.startswith(f"{name}.") and path.suffix in (".so", ".pyd"))


def same(a: Any, b: Any) -> bool:
    """Compare two results, tuples by their parts."""
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(np.array_equal(a, b))


@pytest.mark.parametrize("row", WORKS)
@pytest.mark.parametrize("side", MODULES)
def test_calls(cell: Cell, modules: dict[str, ModuleType], side: str, row: str) -> None:
    """Record the nanoseconds of the fastest of seven runs of 5,000 calls."""
    require_modules(cell, modules, CALLS, row, side)
    core, work = modules[side], WORKS[row]
    assert same(work(core), work(modules["nanobind"]))
    runs = []
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(5000):
            work(core)
        runs.append((time.perf_counter() - start) / 5000)
    cell.put(CALLS, row, side, 1e9 * min(runs), "nanoseconds")


@pytest.mark.parametrize("side", MODULES)
def test_import(cell: Cell, modules: dict[str, ModuleType], side: str) -> None:
    """Record the fastest of twenty imports of the extension, in a fresh Python with NumPy imported."""
    row, name = "fresh process, NumPy imported", MODULES[side]
    require_modules(cell, modules, IMPORT, row, side)
    script = f"""
import sys, time
import numpy
sys.path.insert(0, {str(BUILD)!r})
start = time.perf_counter()
import {name}
print(time.perf_counter() - start)
"""
    times = [float(subprocess.check_output([sys.executable, "-c", script])) for _ in range(20)]
    cell.put(IMPORT, row, side, 1000 * min(times), "milliseconds")


@pytest.mark.parametrize("side", MODULES)
def test_size(cell: Cell, modules: dict[str, ModuleType], side: str) -> None:
    """Record the size as installed: stripped, with the core that both contain."""
    row = "stripped, core included"
    require_modules(cell, modules, SIZE, row, side)
    cell.put(SIZE, row, side, file_of(MODULES[side]).stat().st_size / 1024, "KiB")
