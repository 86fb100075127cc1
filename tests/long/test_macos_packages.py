"""Every extra can be installed on a Mac from wheels alone, by uv's resolver."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
# What resolves together does so alone.
EXTRAS = (("mlx-vlm", "fast", "pdf", "video", "mcp", "serve", "dashboard", "test"), ("dev",), ("bench",))


def resolve(macos: str, python: str, *extras: str) -> subprocess.CompletedProcess[str]:
    assert UV is not None, "install uv"
    words = [word for extra in extras for word in ("--extra", extra)]
    command = [UV, "pip", "compile", "-q", "--only-binary", ":all:", "--python-platform", "aarch64-apple-darwin"]
    return subprocess.run(
        [*command, "--python-version", python, *words, "pyproject.toml"],
        cwd=ROOT,
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": macos},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("macos", ["14.0", "15.0", "26.0"])
@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_the_package_and_its_extras_are_wheels(macos: str, python: str) -> None:
    for extras in ((), *EXTRAS):
        result = resolve(macos, python, *extras)
        assert result.returncode == 0, f"{extras}: {result.stderr}"
        assert "mlx==" in result.stdout and "mlx-metal==" in result.stdout


def test_before_macos_14_there_is_no_mlx() -> None:
    assert resolve("13.5", "3.12").returncode != 0
