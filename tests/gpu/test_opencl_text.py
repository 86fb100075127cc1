"""The OpenCL form, run by PoCL on the CPU, bit for bit against the core."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpu_comparisons import COMPARISONS
from gpu_runners import StandIn
from numpy.typing import NDArray

from mlx_saccade.gpu import text

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(find_spec("pyopencl") is None, reason="pyopencl is not installed"),
    pytest.mark.skipif(find_spec("pocl_binary_distribution") is None, reason="PoCL is not installed"),
]

EXAMPLES = 60


def source_of(kernel: str) -> str:
    """Return the text with an entry function."""
    header, body = text.text(kernel, "opencl")
    described = text.KERNELS[kernel]
    arguments = [f"__global const {one}* {name}" for name, one in described.inputs]
    arguments += [f"__global {one}* {name}" for name, one in described.outputs]
    return f"{header}\n__kernel void entry_{kernel}({', '.join(arguments)}) {{\n{body}}}\n"


def name_the_cpu(device: int) -> None:
    """Give PoCL a CPU that its clang knows: LLVM 14 calls CPUs newer than itself "generic", which its clang refuses.

    Args:
        device: address of PoCL's description of the device, which holds the pointer to the name.
    """
    spans = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights = line.split()[:2]
        if "r" in rights:
            spans.append([int(end, 16) for end in span.split("-")])
    for pointer in (ctypes.c_size_t * 128).from_address(device):
        readable = any(first <= pointer and pointer + 8 <= end for first, end in spans)
        if readable and ctypes.string_at(pointer, 8) == b"generic\0":
            ctypes.memmove(pointer, b"x86-64\0\0", 8)


class OpenClRunner:
    """Kernels as OpenCL C on PoCL's CPU device."""

    def __init__(self) -> None:
        import pyopencl as cl

        self.cl = cl
        platform = next(one for one in cl.get_platforms() if "Portable" in one.name)
        self.device = platform.get_devices()[0]
        if sys.platform == "linux":
            name_the_cpu(self.device.int_ptr)
        self.context = cl.Context([self.device])
        self.queue = cl.CommandQueue(self.context)

    @cached_property
    def programs(self) -> dict[str, Any]:
        return {}

    def run(self, kernel: str, inputs: Sequence[NDArray[Any]], sizes: Sequence[int], groups: int) -> list[bytes]:
        cl, threads = self.cl, text.constants(kernel)["THREADS"]
        if kernel not in self.programs:
            options = ["-cl-std=CL1.2", "-Werror"]
            self.programs[kernel] = cl.Program(self.context, source_of(kernel)).build(options=options)
        flags = cl.mem_flags
        buffers = [cl.Buffer(self.context, flags.READ_ONLY | flags.COPY_HOST_PTR, hostbuf=v) for v in inputs]
        outputs = [cl.Buffer(self.context, flags.WRITE_ONLY, size) for size in sizes]
        entry = cl.Kernel(self.programs[kernel], f"entry_{kernel}")
        entry(self.queue, (groups * threads,), (threads,), *buffers, *outputs)
        results = [np.empty(size, np.uint8) for size in sizes]
        for result, output in zip(results, outputs, strict=True):
            cl.enqueue_copy(self.queue, result, output)
        return [result.tobytes() for result in results]


@pytest.fixture(scope="module")
def opencl(tmp_path_factory: pytest.TempPathFactory) -> OpenClRunner:
    os.environ["POCL_CACHE_DIR"] = str(tmp_path_factory.mktemp("pocl"))
    os.environ["PYOPENCL_NO_CACHE"] = "1"
    return OpenClRunner()


@pytest.mark.parametrize("name", COMPARISONS)
def test_opencl_text_equals_the_core(opencl: OpenClRunner, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stand_in = StandIn(opencl)
    stand_in.install(monkeypatch)
    COMPARISONS[name](EXAMPLES)()
    assert stand_in.launches
