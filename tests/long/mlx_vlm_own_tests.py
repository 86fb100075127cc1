"""Run mlx-vlm's own tests with this package enabled, and name each that passes only without it.

    python tests/long/mlx_vlm_own_tests.py [--source CHECKOUT]

Its tests are in no package, so those of the installed version are cloned into a temporary folder. Without a network it
prints NOT RUN. Enabled means: `enable()` before the first test, so that every model that is loaded gets it all; and
each Qwen model that a test builds by itself gets the tower.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path

REPOSITORY = "https://github.com/Blaizzy/mlx-vlm"
FILES = (
    "test_processors", "test_models", "test_rope", "test_generate", "test_utils", "test_prompt_utils",
    "test_vision_cache", "test_apc_semantic_key", "test_server", "test_responses_state",
)  # fmt: skip
"""Those of models, processors, generation and server; of test_models the tests that name Qwen."""

SECONDS_PER_FILE = 900

SELECTION = """
import pathlib
import mlx_vlm

mlx_vlm.__path__.append(str(pathlib.Path(__file__).parent))  # its tests import each other as mlx_vlm.tests

def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if "test_models" not in item.nodeid or "qwen" in item.nodeid.lower()]
"""

PLUGIN = """
import functools
import mlx_saccade.integrations.mlx_vlm as fast
from mlx_saccade.integrations.mlx_vlm import vision
from mlx_saccade.integrations.mlx_vlm.hooks import Hooks

def pytest_configure(config):
    import importlib
    from mlx_saccade.integrations.mlx_vlm.towers import TOWERS
    fast.enable()
    hooks = Hooks()
    for name in TOWERS:
        module = importlib.import_module(f"mlx_vlm.models.{name}")
        original = module.Model.__init__
        @functools.wraps(original)
        def build(self, *arguments, original=original, **options):
            original(self, *arguments, **options)
            vision.attach(self, hooks)
            self.vision_tower.eval()
        module.Model.__init__ = build

def pytest_terminal_summary(terminalreporter):
    from mlx_saccade.integrations.mlx_vlm import reuse
    terminalreporter.write_line(f"towers run by mlx-saccade: {reuse.store.counts().vision_calls}")
    terminalreporter.write_line(str(fast.status()))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="a checkout of mlx-vlm (default: cloned)")
    parser.add_argument("--files", nargs="*", default=FILES, help="names of test files without .py")
    arguments = parser.parse_args()
    version = metadata.version("mlx-vlm")
    with tempfile.TemporaryDirectory() as temporary:
        source = arguments.source or clone(Path(temporary) / "clone", f"v{version}")
        if source is None:
            print(f"NOT RUN: mlx-vlm's own tests of v{version} could not be cloned from {REPOSITORY}")
            return int(os.environ.get("REQUIRE_ALL") == "1")
        folder = Path(temporary) / "run"
        shutil.copytree(source / "mlx_vlm" / "tests", folder / "tests")
        (folder / "enable_backend.py").write_text(PLUGIN)
        (folder / "select_tests.py").write_text(SELECTION)
        files = [f"tests/{name}.py" for name in arguments.files if (folder / "tests" / f"{name}.py").exists()]
        plain: dict[str, str] = {}
        enabled: dict[str, str] = {}
        for file in files:
            plain |= outcomes(folder, file, on=False)
            enabled |= outcomes(folder, file, on=True)
    return compare(plain, enabled, f"mlx-vlm {version}, tests of {source.name if arguments.source else 'the same'}")


def clone(folder: Path, tag: str) -> Path | None:
    command = ["git", "clone", "--quiet", "--depth", "1", "--branch", tag, REPOSITORY, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "GIT_TERMINAL_PROMPT": "0"})
    return folder if done.returncode == 0 else None


def outcomes(folder: Path, file: str, *, on: bool) -> dict[str, str]:
    """Return the outcome of each test of a file: passed, failed or skipped."""
    report = folder / f"{Path(file).stem}-{on}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider", "--tb=short"]
    command += ["-p", "select_tests", *(["-p", "enable_backend"] if on else []), f"--junitxml={report}", file]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), *sys.path[1:]))}
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, env=environment, timeout=SECONDS_PER_FILE
        )
    except subprocess.TimeoutExpired:
        print(f"  {file}: no end within {SECONDS_PER_FILE} s, {'with' if on else 'without'} mlx-saccade", flush=True)
        return {}
    lines = done.stdout.splitlines()
    notes = [line for line in lines if line.startswith("towers run")] + [
        line for line in lines[-1:] if " passed" in line
    ]
    print(f"  {file}, {'with' if on else 'without'}: {'; '.join(notes) or done.stdout[-300:]}", flush=True)
    if not report.exists():
        return {}
    results: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        name = f"{case.get('classname')}::{case.get('name')}"
        results[name] = "failed" if bad else "skipped" if case.find("skipped") is not None else "passed"
    return results


def compare(plain: dict[str, str], enabled: dict[str, str], title: str) -> int:
    passed = {name for name, outcome in plain.items() if outcome == "passed"}
    lost = sorted(name for name in passed if enabled.get(name) != "passed")
    won = sorted(name for name, outcome in enabled.items() if outcome == "passed" and name not in passed)
    print(
        f"{title}: {len(plain)} tests, {len(passed)} pass without mlx-saccade, {len(passed) - len(lost)} of them with"
    )
    for name in lost:
        print(f"  passes only without: {name}")
    for name in won:
        print(f"  passes only with: {name}")
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main())
