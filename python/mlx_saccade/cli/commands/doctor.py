"""`mlx-saccade doctor`: print versions, device and kernels for a bug report, with advice on problems."""

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

__all__ = ["EXAMPLES", "Finding", "add_arguments", "examine", "run"]

EXAMPLES = (
    "mlx-saccade doctor",
    "mlx-saccade doctor --json",
)

PACKAGES = (
    *("mlx", "numpy", "pillow", "tokenizers", "jinja2", "huggingface-hub"),
    *("mlx-vlm", "mcp", "starlette", "uvicorn", "transformers"),
)
# Each of these wheels has its own copy of the same libmlx file; the one installed last wins.
MLX_BACKENDS = ("mlx-cpu", "mlx-cuda", "mlx-cuda-12", "mlx-cuda-13", "mlx-metal")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: name of what was examined.
        value: its state.
        wrong: it has to be fixed; default no.
        advice: what to do; default nothing.
    """

    name: str
    value: str
    wrong: bool = False
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments: `mlx-saccade doctor` has none of its own."""
    parser.epilog = "Exit code 1: something has to be fixed; the line says what to do."


def version_of(package: str) -> str | None:
    """Return the installed version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def system_text() -> str:
    """Return the system with its version, and the CPU; on a Mac the chip, as in "macOS 15.3 arm64, Apple M3"."""
    if sys.platform != "darwin":
        return f"{platform.system()} {platform.release()} {platform.machine()}"
    from mlx_saccade.bench import machine

    return f"macOS {platform.mac_ver()[0]} {platform.machine()}, {machine.cpu()}"


def examine_core(name: str, query: Callable[[], object]) -> Finding:
    """Return a setting of the compiled core, which is wrong if the environment asks for an impossible one."""
    try:
        return Finding(name, str(query()))
    except InputError as error:
        return Finding(name, "none", wrong=True, advice=str(error))


def examine_mlx() -> list[Finding]:
    """Return the MLX backend and device; two backends overwrite each other."""
    installed = [(name, version) for name in MLX_BACKENDS if (version := version_of(name)) is not None]
    versions = ", ".join(f"{name} {version}" for name, version in installed) or "part of mlx"
    findings = []
    if len(installed) > 1:
        keep = installed[-1][0]
        advice = (
            "expected one of these packages, which overwrite each other's library; uninstall all, then install one: "
            f"pip uninstall -y {' '.join(name for name, _ in installed)} && pip install --force-reinstall {keep}"
        )
        findings.append(Finding("MLX backend", versions, wrong=True, advice=advice))
    else:
        findings.append(Finding("MLX backend", versions))
    try:
        from mlx_saccade.backend import mx
    except ImportError as error:
        return [
            *findings,
            Finding("MLX device", f"cannot be imported: {error}", wrong=True, advice="pip install mlx-saccade again"),
        ]
    return [*findings, Finding("MLX device", str(mx.default_device()))]


def examine_blas() -> Finding:
    """Return the BLAS of MLX's CPU backend; a GPU does not need one."""
    if sys.platform == "darwin":
        return Finding("BLAS", "Accelerate (part of macOS)")
    try:
        from mlx_saccade.backend import blas_kernels, device, is_reference, mlx_blas, openblas
    except ImportError:
        return Finding("BLAS", "unknown: MLX cannot be imported")
    path = mlx_blas()
    if path is not None and not is_reference(path):
        kernels = blas_kernels() if openblas is not None else None
        suffix = f", kernels for {kernels}" if kernels else ""
        return Finding("BLAS", f"{'OpenBLAS' if 'openblas' in path else 'not reference BLAS'} ({path}){suffix}")
    value = "unknown" if path is None else f"reference BLAS ({path})"
    if os.environ.get("SACCADE_OPENBLAS") == "0":
        return Finding("BLAS", f"{value}; SACCADE_OPENBLAS=0 turns OpenBLAS off")
    if device() != "cpu":
        return Finding("BLAS", f"{value}; not needed, since MLX computes on the GPU")
    if openblas is None:
        advice = "install OpenBLAS (Debian: libopenblas0); MLX's own reference BLAS is some 30 times slower"
        return Finding("BLAS", f"{value}; OpenBLAS not found", advice=advice)
    if path is None:
        return Finding("BLAS", f"{value}; OpenBLAS ({openblas}) was loaded before MLX")
    advice = "import mlx_saccade.models before mlx, which is bound to a BLAS some 30 times slower than OpenBLAS"
    return Finding("BLAS", value, wrong=True, advice=advice)


def examine_gpu_kernels() -> Finding:
    """Return where patches are computed, and the language of MLX's GPU."""
    from mlx_saccade.gpu import choice

    try:
        language = choice.dialect()
    except ImportError:
        return Finding("patches", "CPU core (MLX cannot be imported)")
    return Finding("patches", f"{choice.explain('resize_patchify')}; GPU of MLX: {language or 'none'}")


def examine_decoders() -> Finding:
    """Return the decoders of PNG and JPEG."""
    from mlx_saccade.media import fast_decoders

    versions = fast_decoders.versions()
    installed = [f"{name} {version}" for name, version in versions.items() if version is not None]
    decoders = ", ".join([*installed, "Pillow"])
    if len(installed) == len(versions):
        return Finding("decoders", decoders)
    advice = "pip install kornia-rs simplejpeg reads PNG in three tenths and JPEG in three fifths of Pillow's time"
    return Finding("decoders", decoders, advice=advice)


def examine_films() -> Finding:
    """Return the decoder of film files."""
    version = version_of("av")
    if version is not None:
        return Finding("films", f"PyAV {version}")
    return Finding("films", "not read", advice="pip install 'mlx-saccade[video]' adds PyAV, which reads film files")


def examine_cache() -> Finding:
    """Return the folder of hub checkpoints, and its size."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = Path(HF_HUB_CACHE)
    if not folder.exists():
        return Finding("model cache", f"{folder} (empty)")
    if not folder.is_dir():
        advice = f"{folder}: expected a folder; got a file. Set HF_HUB_CACHE to a folder, or move the file away"
        return Finding("model cache", f"{folder} (not a folder)", wrong=True, advice=advice)
    try:
        total = sum(entry.stat().st_size for entry in folder.rglob("*") if entry.is_file() and not entry.is_symlink())
        models = sum(1 for entry in folder.glob("models--*") if entry.is_dir())
    except OSError as error:
        advice = f"{error.filename}: {error.strerror}. Set HF_HUB_CACHE to a folder of yours"
        return Finding("model cache", f"{folder} (cannot be read)", wrong=True, advice=advice)
    return Finding("model cache", f"{folder} ({models} models, {output.bytes_text(total)})")


def examine() -> list[Finding]:
    """Return all findings in the order of the report."""
    findings = [
        Finding("mlx-saccade", f"{_core.version()} (ABI {_core.abi_version()})"),
        Finding("Python", f"{platform.python_version()} ({sys.executable})"),
        Finding("machine", f"{system_text()}, {os.cpu_count()} CPUs"),
        examine_core("kernel", _core.kernel),
        examine_core("threads", _core.threads),
    ]
    findings += [Finding(name, version_of(name) or "not installed") for name in PACKAGES]
    findings += [examine_decoders(), examine_films(), *examine_mlx(), examine_gpu_kernels()]
    return [*findings, examine_blas(), examine_cache()]


def run(options: argparse.Namespace) -> int:
    """Print the findings; exit code 1 if one of them is wrong."""
    findings = examine()
    if options.json:
        output.print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        output.facts([(finding.name, finding.value) for finding in findings])
        for finding in findings:
            if finding.advice:
                output.text(f"{'wrong' if finding.wrong else 'hint'}: {finding.name}: {finding.advice}", hang="  ")
    return 1 if any(finding.wrong for finding in findings) else 0
