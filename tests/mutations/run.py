"""Run the tests that the mutants name, first without any mutant, then each with its own; one line of JSON a run.

python tests/mutations/run.py
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests")]
from mutants import MUTANTS  # noqa: E402


class Recorder:
    """What became of the tests of one run: passed, or the exception that ended them, by phase."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.failed: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed.append(report.nodeid)

    def pytest_exception_interact(self, node: Any, call: pytest.CallInfo[Any]) -> None:
        assert call.excinfo is not None
        self.failed[f"{call.when} of {node.nodeid}"] = call.excinfo.typename


def run(*tests: str) -> dict[str, Any]:
    """Run tests by name."""
    recorder, start = Recorder(), time.perf_counter()
    options = ["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    with contextlib.redirect_stdout(sys.stderr):
        pytest.main([*options, *tests], plugins=[recorder])
    taken = round(time.perf_counter() - start, 2)
    return {"passed": recorder.passed, "failed": recorder.failed, "seconds": taken}


def main() -> None:
    """Write the results to standard output; what pytest says goes to standard error."""
    os.chdir(ROOT)
    tests = dict.fromkeys(mutant.test for mutant in MUTANTS)
    print(json.dumps({"mutant": None, **run(*tests)}), flush=True)
    for mutant in MUTANTS:
        with pytest.MonkeyPatch.context() as patch:
            mutant.apply(patch)
            found = run(mutant.test)
        print(json.dumps({"mutant": mutant.name, **found}), flush=True)


if __name__ == "__main__":
    main()
