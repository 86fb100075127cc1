"""Which BLAS MLX gets, and that it may be left out."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlx_saccade import blas as blas_module
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


FIRST = """
import mlx.core as mx

before = (mx.ones((3, 4)) @ mx.ones((4, 2))).tolist()
from mlx_saccade import backend
print(backend.mlx_blas(), before == (mx.ones((3, 4)) @ mx.ones((4, 2))).tolist())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has reference BLAS")
def test_mlx_that_was_imported_first_calls_openblas_afterwards() -> None:
    paths = {}
    for setting in ("0", "1"):
        environment = {**os.environ, "SACCADE_OPENBLAS": setting}
        result = subprocess.run(
            [sys.executable, "-c", FIRST], env=environment, capture_output=True, text=True, check=True
        )
        paths[setting], same = result.stdout.split()
        assert same == "True"
        assert result.stderr == ""
    assert "libblas" in paths["0"]
    assert ("openblas" in paths["1"]) == installed()


@pytest.mark.skipif(openblas is None, reason="OpenBLAS is not installed")
def test_a_blas_that_cannot_be_replaced_is_named_once() -> None:
    program = f"from mlx_saccade import blas; blas.direct = lambda core, library: False\n{FIRST}"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "libblas" in result.stdout
    assert "RuntimeWarning: MLX was imported before mlx_saccade and keeps its slow BLAS" in result.stderr
    assert result.stderr.count("Import mlx_saccade.models before mlx") == 1


def test_an_unknown_library_is_left_alone(tmp_path: Path) -> None:
    other = str(tmp_path / "mlx" / "core.so")
    assert blas_module.library(other) is None
    assert not blas_module.direct(other, ctypes.CDLL(None))


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
