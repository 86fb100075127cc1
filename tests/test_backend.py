"""Which BLAS MLX gets, and that it may be left out."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlx_saccade.backend import blas_kernels, core_type, openblas

PROGRAM = "from mlx_saccade.backend import mx, openblas; print(openblas, (mx.ones((3, 4)) @ mx.ones((4, 2))).tolist())"


def run(setting: str | None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "SACCADE_OPENBLAS"}
    if setting is not None:
        environment["SACCADE_OPENBLAS"] = setting
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    ).stdout


def installed() -> bool:
    try:
        ctypes.CDLL("libopenblas.so.0")
    except OSError:
        return False
    return sys.platform == "linux"


def test_openblas_is_used_where_it_is_and_left_out_on_request() -> None:
    product = "[[4.0, 4.0], [4.0, 4.0], [4.0, 4.0]]\n"
    assert run(None) == f"{'libopenblas.so.0' if installed() else None} {product}"
    assert run("0") == f"None {product}"


AVX2 = "flags\t\t: fpu sse sse2 avx avx2 fma"
AVX512 = f"{AVX2} avx512f avx512dq avx512cd avx512bw avx512vl"


@pytest.mark.parametrize(
    ("cpuinfo", "core"),
    [
        (f"processor\t: 0\nmodel\t\t: 207\n{AVX512}\n\nprocessor\t: 1\n{AVX512}\n", "SkylakeX"),
        (f"processor\t: 0\n{AVX2}\n", "Haswell"),
        ("processor\t: 0\nflags\t\t: fpu sse sse2 avx avx512f\n", None),
        ("processor\t: 0\nFeatures\t: fp asimd\n", None),
        ("", None),
    ],
)
def test_kernels_are_chosen_by_the_instruction_set(cpuinfo: str, core: str | None) -> None:
    assert core_type(cpuinfo) == core


@pytest.mark.skipif(openblas is None, reason="OpenBLAS is not installed")
@pytest.mark.parametrize("given", [None, "Sandybridge"])
def test_openblas_runs_the_kernels_of_this_cpu_or_those_asked_for(given: str | None) -> None:
    program = "import os; from mlx_saccade.backend import blas_kernels; print(blas_kernels(), os.environ.get(KEY))"
    program = program.replace("KEY", "'OPENBLAS_CORETYPE'")
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    if given is not None:
        environment["OPENBLAS_CORETYPE"] = given
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    own = core_type(Path("/proc/cpuinfo").read_text()) or blas_kernels()
    assert printed == f"{given or own} {given}\n"
