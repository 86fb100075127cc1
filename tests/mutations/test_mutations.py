"""The suite sees each of the mistakes in mutants.py: the test named there is green without it and red with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from mutants import MUTANTS, Mutant  # noqa: E402


@pytest.fixture(scope="module")
def runs() -> dict[str | None, dict[str, Any]]:
    """Results by mutant, made in a process of its own; None: without a mutant."""
    done = subprocess.run([sys.executable, HERE / "run.py"], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-4000:]
    return {found["mutant"]: found for found in map(json.loads, done.stdout.splitlines())}


def test_without_a_mistake_all_of_these_tests_are_green(runs: dict[str | None, dict[str, Any]]) -> None:
    assert runs[None]["failed"] == {}
    assert sorted(runs[None]["passed"]) == sorted({mutant.test for mutant in MUTANTS})


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_the_mistake_is_seen(runs: dict[str | None, dict[str, Any]], mutant: Mutant) -> None:
    """Seen by what the test asserts, not by a mutant that no longer fits the library and falls over."""
    found = runs[mutant.name]
    assert found["passed"] == []
    assert found["failed"] == {f"call of {mutant.test}": mutant.error}


def test_every_mutant_ran_once(runs: dict[str | None, dict[str, Any]]) -> None:
    assert len(MUTANTS) >= 20
    assert set(runs) == {None, *(mutant.name for mutant in MUTANTS)}
