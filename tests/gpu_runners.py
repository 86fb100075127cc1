"""Runners of the GPU kernels on the CPU, and a stand-in for MLX's GPU that hands launches to one of them."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from mlx import core as mx
from numpy.typing import NDArray

from mlx_saccade.gpu import choice, launch, text

__all__ = ["COMPILER", "ROOT", "SANITIZE", "CppRunner", "Runner", "StandIn", "TextError", "compile_cpp"]

ROOT = Path(__file__).parents[1]
COMPILER = shutil.which(os.environ.get("CXX", "c++"))
SANITIZE = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


class TextError(Exception):
    """A kernel did something that a GPU does not define."""


class Runner(Protocol):
    def run(self, kernel: str, inputs: Sequence[NDArray[Any]], sizes: Sequence[int], groups: int) -> list[bytes]:
        """Return the bytes of the outputs, of the given sizes in bytes."""


def compile_cpp(folder: Path, *, sources: Path = ROOT / "cpp", flags: Sequence[str]) -> Path:
    """Compile the kernels with the C++ prelude; return the program."""
    program = folder / "run_text"
    words = [
        "-std=c++20",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        *flags,
        str(sources / "tests" / "gpu" / "run_text.cpp"),
    ]
    subprocess.run([str(COMPILER), *words, "-o", str(program)], check=True)
    return program


class CppRunner:
    """Kernels as C++: every access is checked, in several orders of groups and threads."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.seeds = random.Random(0)

    def run(self, kernel: str, inputs: Sequence[NDArray[Any]], sizes: Sequence[int], groups: int) -> list[bytes]:
        seed = self.seeds.choice((0, 1, self.seeds.randrange(2, 1 << 30)))
        lengths = [*(values.nbytes for values in inputs), *sizes]
        words = [kernel, seed, groups, len(inputs), len(sizes), *lengths]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(map(str, words)).encode() + b"\n" + b"".join(v.tobytes() for v in inputs))
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().strip()
        if answer != "ok":
            raise TextError(answer or f"the program stopped with {self.process.wait()}; its report is above")
        return [self.process.stdout.read(size) for size in sizes]

    def close(self) -> None:
        self.process.communicate()


class StandIn:
    """MLX's GPU in tests: takes what MLX takes, and refuses what MLX or Metal would take otherwise.

    Attributes:
        launches: name of each launched kernel.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.launches: list[str] = []
        self.sources: dict[str, str] = {}

    def metal_kernel(
        self,
        name: str,
        input_names: Sequence[str],
        output_names: Sequence[str],
        source: str,
        header: str = "",
        compile_options: dict[str, str] | None = None,
    ) -> Any:
        """Stand in for mx.fast.metal_kernel."""
        assert compile_options == {"math_mode": "safe"}
        assert self.sources.setdefault(name, header + source) == header + source
        found = re.fullmatch(r"saccade_(\w+)_[0-9a-f]{12}", name)
        assert found is not None
        kernel = text.KERNELS[found[1]]
        assert [*input_names] == [one for one, _ in kernel.inputs]
        assert [*output_names] == [one for one, _ in kernel.outputs]

        def run(
            inputs: Sequence[mx.array],
            output_shapes: Sequence[Sequence[int]],
            output_dtypes: Sequence[mx.Dtype],
            grid: tuple[int, int, int],
            threadgroup: tuple[int, int, int],
            stream: Any,
        ) -> list[mx.array]:
            assert stream == mx.gpu
            types = {"uchar": mx.uint8, "int": mx.int32}
            assert [one.dtype for one in inputs] == [types[one] for _, one in kernel.inputs]
            assert [*output_dtypes] == [types[one] for _, one in kernel.outputs]
            assert all(one.size >= 8 for one in inputs), "MLX passes it in constant memory"
            assert grid[0] % threadgroup[0] == 0
            assert (*grid[1:], *threadgroup[1:]) == (1, 1, 1, 1)
            sizes = [int(np.prod(s)) * d.size for s, d in zip(output_shapes, output_dtypes, strict=True)]
            arrays = [np.asarray(one) for one in inputs]
            outputs = self.runner.run(found[1], arrays, sizes, grid[0] // threadgroup[0])
            self.launches.append(found[1])
            kinds = [np.uint8 if one == mx.uint8 else np.int32 for one in output_dtypes]
            shaped = zip(outputs, kinds, output_shapes, strict=True)
            return [mx.array(np.frombuffer(data, kind).reshape(shape)) for data, kind, shape in shaped]

        return run

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make it MLX's GPU for a test."""
        monkeypatch.setattr(mx.metal, "is_available", lambda: True)
        monkeypatch.setattr(mx.fast, "metal_kernel", self.metal_kernel)
        monkeypatch.setattr(choice, "failed_kernels", set())
        monkeypatch.setattr(launch, "failed_kernels", choice.failed_kernels)
        launch._compiled.cache_clear()
        monkeypatch.setattr(launch, "_compiled", launch._compiled.__wrapped__)
