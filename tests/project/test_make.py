"""A target without its tool is reported, and fails with REQUIRE_ALL=1; kernels are listed by the CPU's features."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mlx_saccade import _core

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make")


def without_tools(target: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a target with no compiler and no Swift on the path, without making an environment."""
    assert MAKE is not None
    command = [MAKE, "-o", "build/stamps/dev", target, f"VENV={folder}", *arguments]
    environment = {"PATH": str(folder)} | {k: v for k, v in os.environ.items() if k in ("HOME", "TMPDIR")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(MAKE is None, reason="make is not on the path")
@pytest.mark.parametrize(
    ("target", "tool"),
    [
        ("arm64", "qemu-aarch64"),
        ("macos-cross", "qemu-aarch64"),
        ("swift", "swift is not"),
        ("swift-tsan", "swift is not"),
        ("fuzz", "clang"),
        ("gpu", "clang++"),
    ],
)
def test_a_missing_tool_is_said_and_fails_where_all_has_to_run(target: str, tool: str, tmp_path: Path) -> None:
    result = without_tools(target, tmp_path)
    assert result.returncode == 0, result.stderr
    assert "NOT RUN" in result.stdout
    assert tool in result.stdout
    strict = without_tools(target, tmp_path, "REQUIRE_ALL=1")
    assert strict.returncode == 2
    assert "NOT RUN" in strict.stderr


@pytest.fixture
def cpu_kernels() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cpu_kernels", ROOT / "cpp" / "tests" / "cpu_kernels.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="only these say what their CPU has")
def test_the_library_offers_what_the_cpu_has(cpu_kernels: ModuleType) -> None:
    has, _ = cpu_kernels.sort(platform.machine(), cpu_kernels.read_flags())
    assert [*has, "scalar"] == list(_core.kernels())


def test_kernels_of_other_cpus(cpu_kernels: ModuleType) -> None:
    zen3 = "processor : 0\nflags : fpu avx2 fma\n"
    assert cpu_kernels.sort("x86_64", cpu_kernels.linux_flags(zen3)) == (["avx2"], ["avx512", "avx512-bw"])
    a76 = "processor : 0\nFeatures : fp asimd asimddp\n"
    assert cpu_kernels.sort("aarch64", cpu_kernels.linux_flags(a76)) == (["neon-dotprod", "neon"], ["neon-i8mm"])
    assert cpu_kernels.sort("riscv64", set()) == ([], [])
    m1 = "hw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_I8MM: 0\n"
    assert cpu_kernels.sort("arm64", cpu_kernels.macos_flags(m1)) == (["neon-dotprod", "neon"], ["neon-i8mm"])
    assert cpu_kernels.sort("arm64", cpu_kernels.macos_flags("")) == (["neon"], ["neon-i8mm", "neon-dotprod"])
