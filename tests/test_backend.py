"""Which BLAS MLX gets, and that it may be left out."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

PROGRAM = "from saccade.backend import mx, openblas; print(openblas, (mx.ones((3, 4)) @ mx.ones((4, 2))).tolist())"


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
