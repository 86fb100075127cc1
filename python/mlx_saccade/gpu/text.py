"""The source text of the GPU kernels, as MLX compiles it at run time; `cpp/gpu/README.md` describes the dialects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["KERNELS", "Kernel", "constants", "text"]

_PACKAGE = Path(__file__).parents[1]
# In a wheel, beside the package's data; in a clone, where the kernels are edited.
_FOLDERS = (_PACKAGE / "assets" / "gpu", _PACKAGE.parents[1] / "cpp" / "gpu")


@dataclass(frozen=True)
class Kernel:
    """A kernel of `cpp/gpu`.

    Attributes:
        inputs: name and type of each input.
        outputs: name and type of each output.
        shared: declaration of the memory that a group shares; empty without one.
        files: text of the functions that it calls, before its own.
        unit: what a threshold counts.
    """

    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    unit: str
    shared: str = ""


KERNELS = {
    "resize_patchify": Kernel(
        inputs=(("source", "uchar"), ("plans", "int"), ("weights", "int")),
        outputs=(("patches", "uchar"),),
        files=("integers", "windows", "resize_patchify"),
        unit="source pixels",
        shared="uchar strip[SHARED_BYTES]",
    ),
    "window_index": Kernel(
        inputs=(("grids", "int"),),
        outputs=(("index", "int"), ("boundaries", "int")),
        files=("integers", "windows", "window_index"),
        unit="tokens",
    ),
    "vision_positions": Kernel(
        inputs=(("grids", "int"),),
        outputs=(("positions", "int"),),
        files=("integers", "vision_positions"),
        unit="patches",
    ),
}


# Qualifier of shared memory, index of the group, index of the thread.
_DIALECTS = {
    "metal": ("threadgroup", "threadgroup_position_in_grid.x", "thread_position_in_threadgroup.x"),
    "cuda": ("__shared__", "blockIdx.x", "threadIdx.x"),
    "opencl": ("__local", "(uint)get_group_id(0)", "(uint)get_local_id(0)"),
}


@cache
def _read(name: str) -> str:
    """Return the text of a file of cpp/gpu."""
    for folder in _FOLDERS:
        if (folder / f"{name}.inl").is_file():
            return (folder / f"{name}.inl").read_text(encoding="utf-8")
    raise FileNotFoundError(f"{_FOLDERS[0] / name}.inl: no such file. Install mlx-saccade again")


@cache
def constants(kernel: str) -> dict[str, int]:
    """Return the numbers that a kernel's text defines, such as {"THREADS": 256}."""
    texts = "".join(map(_read, KERNELS[kernel].files))
    return {name: int(number) for name, number in re.findall(r"^#define (\w+) +(\d+)\b", texts, re.MULTILINE)}


@cache
def text(kernel: str, language: str) -> tuple[str, str]:
    """Return a kernel's source as MLX takes it: what stands before the entry function, and its body.

    Args:
        kernel: a name in KERNELS.
        language: "metal", "cuda" or "opencl"; MLX runs the first two.
    """
    entry, (qualifier, group, thread) = KERNELS[kernel], _DIALECTS[language]
    header = "\n".join(map(_read, (language, *entry.files)))
    names = [name for name, _ in (*entry.inputs, *entry.outputs)]
    declaration = ""
    if entry.shared:
        declaration = f"{qualifier} {entry.shared};\n"
        names.append(entry.shared.split()[1].partition("[")[0])
    return header, f"{declaration}{kernel}({', '.join([*names, group, thread])});\n"
