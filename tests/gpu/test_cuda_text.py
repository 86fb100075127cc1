"""The CUDA form: NVRTC, from PyPI, compiles it to PTX. No GPU is needed."""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from pathlib import Path

import pytest

from mlx_saccade.gpu import text

pytestmark = pytest.mark.gpu

ARCHITECTURES = ("compute_75", "compute_90")


@pytest.fixture(scope="module")
def nvrtc() -> ctypes.CDLL:
    spec = find_spec("nvidia")
    folders = [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]
    libraries = sorted(path for folder in folders for path in folder.glob("*/lib/libnvrtc.so.*"))
    if not libraries:
        pytest.skip("nvidia-cuda-nvrtc is not installed")
    for library in libraries[-1].parent.glob("libnvrtc-builtins.so.*"):
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(libraries[-1]))


def source_of(kernel: str) -> str:
    """Return the text as MLX 0.32 writes it: the header, then an entry function in its namespace."""
    header, body = text.text(kernel, "cuda")
    described, types = text.KERNELS[kernel], {"uchar": "unsigned char", "int": "int"}
    arguments = [f"const {types[one]}* {name}" for name, one in described.inputs]
    arguments += [f"{types[one]}* {name}" for name, one in described.outputs]
    return f"""{header}
namespace mlx::core::cu {{
__global__ void custom_kernel_{kernel}({", ".join(arguments)}) {{
{body}
}}
}}
"""


def ptx_of(nvrtc: ctypes.CDLL, source: str, architecture: str) -> str:
    """Compile a source; raise SyntaxError with NVRTC's log."""
    program = ctypes.c_void_p()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"text.cu", 0, None, None) == 0
    options = [b"--device-as-default-execution-space", f"--gpu-architecture={architecture}".encode()]
    status = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    name = "ProgramLog" if status else "PTX"
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{name}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{name}")(program, buffer)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    if status:
        raise SyntaxError(buffer.value.decode())
    return buffer.value.decode()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kernel", text.KERNELS)
def test_cuda_text_compiles_to_ptx_of_integers(nvrtc: ctypes.CDLL, kernel: str, architecture: str) -> None:
    ptx = ptx_of(nvrtc, source_of(kernel), architecture)
    assert f"custom_kernel_{kernel}" in ptx
    assert (".shared" in ptx) == bool(text.KERNELS[kernel].shared)
    assert ("bar.sync" in ptx) == bool(text.KERNELS[kernel].shared)
    assert ".f64" not in ptx
    assert ".f32" not in ptx


def test_cuda_text_with_a_mistake_is_refused(nvrtc: ctypes.CDLL) -> None:
    source = source_of("window_index").replace("int token = (int)", "device int token = (int)")
    with pytest.raises(SyntaxError, match="device"):
        ptx_of(nvrtc, source, ARCHITECTURES[0])
