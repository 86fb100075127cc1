"""The description of this machine and of what runs on it, without a name, a user or a path."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from mlx_saccade import _core
from mlx_saccade.bench.run import Machine
from mlx_saccade.evals.processes import cores

__all__ = ["commit", "cpu", "describe", "versions"]

PACKAGES = ("mlx", "numpy", "pillow", "mlx-vlm", "transformers")
_ROOT = Path(__file__).resolve().parents[3]


def describe(*, device: str | None = None) -> Machine:
    """Return this machine.

    Args:
        device: device of MLX, "cpu" or "gpu"; None (default): no model runs, and MLX is not imported.
    """
    return Machine(
        cpu=cpu(),
        cores=cores(),
        memory_bytes=_memory(),
        system=_system(),
        architecture=platform.machine(),
        device=device or "",
        accelerator=_accelerator() if device == "gpu" else "",
        kernel=_core.kernel(),
        threads=_core.threads(),
    )


def versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the installed ones that times depend on."""
    installed = {"python": platform.python_version(), "mlx-saccade": _core.version()}
    others = {package: _version(package) for package in PACKAGES}
    return installed | {package: version for package, version in others.items() if version}


def _version(package: str) -> str:
    """Return the version of a package; empty if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def commit() -> str:
    """Return the commit of the clone that this package lies in, or of the current folder if that is a clone of it.

    Returns:
        The hash, with "+" after it if sources differ from it; empty where there is no clone, or no git.
    """
    for folder in (_ROOT, Path.cwd()):
        if (folder / "python" / "mlx_saccade" / "bench" / "machine.py").is_file() and (folder / ".git").exists():
            head = _output(["git", "-C", str(folder), "rev-parse", "HEAD"])
            if head:
                changes = _output(["git", "-C", str(folder), "status", "--porcelain", "--", "python", "cpp"])
                return head + ("+" if changes else "")
    return ""


def cpu() -> str:
    """Return the name of the CPU, as "Apple M3" or "AMD EPYC 9B14"."""
    if sys.platform == "darwin":
        return _output(["sysctl", "-n", "machdep.cpu.brand_string"]) or platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model[1].strip() if model else platform.processor() or platform.machine()


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def _system() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    # Only the numbers: the rest of a kernel's release may name who built it.
    release = re.match(r"[\d.]+", platform.release())
    return f"{platform.system()} {release[0].rstrip('.') if release else ''}".strip()


def _accelerator() -> str:
    from mlx_saccade.backend import mx

    return str(mx.device_info().get("device_name", ""))


def _output(words: list[str]) -> str:
    """Return what a program prints, stripped; empty if it fails or does not exist."""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
