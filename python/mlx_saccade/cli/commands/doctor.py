"""`mlx-saccade doctor`: what matters when something is wrong, each finding with what to do about it."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mlx_saccade import _core
from mlx_saccade.cli import output
from mlx_saccade.errors import InputError

__all__ = ["Finding", "add_arguments", "examine", "run"]

PACKAGES = ("mlx", "numpy", "pillow", "tokenizers", "jinja2", "huggingface-hub", "mlx-vlm", "transformers")
# Each of these wheels brings its own copy of the same libmlx file; the one installed last wins.
MLX_BACKENDS = ("mlx-cpu", "mlx-cuda", "mlx-cuda-12", "mlx-cuda-13", "mlx-metal")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `advice` is empty where nothing has to be done; `wrong` says that something has."""

    name: str
    value: str
    wrong: bool = False
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`mlx-saccade doctor` has no arguments of its own."""


def version_of(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def examine_core(name: str, asked: Callable[[], object]) -> Finding:
    """What the compiled core uses; wrong where the environment asks it for what it does not have."""
    try:
        return Finding(name, str(asked()))
    except InputError as error:
        return Finding(name, "none", wrong=True, advice=str(error))


def examine_mlx() -> list[Finding]:
    """The MLX device, and whether two backends were installed over each other."""
    installed = [(name, version) for name in MLX_BACKENDS if (version := version_of(name)) is not None]
    listed = ", ".join(f"{name} {version}" for name, version in installed) or "part of mlx"
    findings = []
    if len(installed) > 1:
        keep = installed[-1][0]
        advice = (
            "these packages overwrite each other's library; uninstall all of them, then install one: "
            f"pip uninstall -y {' '.join(name for name, _ in installed)} && pip install --force-reinstall {keep}"
        )
        findings.append(Finding("MLX backend", listed, wrong=True, advice=advice))
    else:
        findings.append(Finding("MLX backend", listed))
    try:
        from mlx_saccade.backend import mx
    except ImportError as error:
        return [
            *findings,
            Finding("MLX device", f"cannot be imported: {error}", wrong=True, advice="pip install mlx-saccade again"),
        ]
    return [*findings, Finding("MLX device", str(mx.default_device()))]


def examine_blas() -> Finding:
    """Which BLAS MLX's CPU backend computes with; a GPU does not need one."""
    if sys.platform == "darwin":
        return Finding("BLAS", "Accelerate (part of macOS)")
    try:
        from mlx_saccade.backend import blas_kernels, device, openblas
    except ImportError:
        return Finding("BLAS", "not known: MLX cannot be imported")
    if openblas is not None:
        kernels = blas_kernels()
        named = f", its kernels for {kernels}" if kernels else ""
        return Finding("BLAS", f"OpenBLAS ({openblas}), loaded before MLX{named}")
    if os.environ.get("SACCADE_OPENBLAS") == "0":
        return Finding("BLAS", "reference BLAS of MLX's wheel: SACCADE_OPENBLAS=0 leaves OpenBLAS out")
    if device() != "cpu":
        return Finding("BLAS", "OpenBLAS not found, nor needed: MLX computes on the GPU")
    advice = "MLX's CPU wheel computes with reference BLAS, some 30 times slower than OpenBLAS (Debian: libopenblas0)"
    return Finding("BLAS", "OpenBLAS not found", advice=advice)


def examine_decoders() -> Finding:
    """Which decoders read PNG and JPEG."""
    from mlx_saccade.media import fast_decoders

    found = {name: version for name, version in fast_decoders.versions().items() if version is not None}
    listed = ", ".join([f"{name} {version}" for name, version in found.items()] + ["Pillow"])
    if len(found) == len(fast_decoders.versions()):
        return Finding("decoders", listed)
    advice = "pip install 'mlx-saccade[fast]' reads PNG in four fifths and JPEG in three fifths of Pillow's time"
    return Finding("decoders", listed, advice=advice)


def examine_cache() -> Finding:
    """Where hub checkpoints are kept, and how much is there."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE)
    if not folder.exists():
        return Finding("model cache", f"{folder} (empty)")
    if not folder.is_dir():
        advice = f"{folder} is no folder; set HF_HUB_CACHE to one, or move it away"
        return Finding("model cache", f"{folder} (no folder)", wrong=True, advice=advice)
    try:
        total = sum(entry.stat().st_size for entry in folder.rglob("*") if entry.is_file() and not entry.is_symlink())
        models = sum(1 for entry in folder.glob("models--*") if entry.is_dir())
    except OSError as error:
        advice = f"{error.filename}: {error.strerror}; set HF_HUB_CACHE to a folder of yours"
        return Finding("model cache", f"{folder} (cannot be read)", wrong=True, advice=advice)
    return Finding("model cache", f"{folder} ({models} models, {output.bytes_text(total)})")


def examine() -> list[Finding]:
    """Everything that `mlx-saccade doctor` looks at, in the order it is printed."""
    findings = [
        Finding("saccade", f"{_core.version()} (ABI {_core.abi_version()})"),
        Finding("Python", f"{platform.python_version()} ({sys.executable})"),
        Finding("machine", f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} CPUs"),
        examine_core("kernel", _core.kernel),
        examine_core("threads", _core.threads),
    ]
    findings += [Finding(name, version_of(name) or "not installed") for name in PACKAGES]
    return [*findings, examine_decoders(), *examine_mlx(), examine_blas(), examine_cache()]


def run(options: argparse.Namespace) -> int:
    """Print the findings; exit code 1 where one of them is wrong."""
    findings = examine()
    if options.json:
        output.print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        output.facts([(finding.name, finding.value) for finding in findings])
        for finding in findings:
            if finding.advice:
                print(f"{'wrong' if finding.wrong else 'hint'}: {finding.name}: {finding.advice}")
    return 1 if any(finding.wrong for finding in findings) else 0
