"""The Metal form, as MLX hands it to Metal: clang checks address spaces and what Metal lacks. Metal is not run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache

import pytest
from gpu_runners import ROOT

from mlx_saccade.gpu import text

CLANG = shutil.which("clang++")
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(CLANG is None, reason="no clang++ on the path")]

STAND_IN = ROOT / "cpp" / "tests" / "gpu" / "metal_stand_in.h"
FLAGS = ("-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-attributes", "-fno-exceptions")
# MLX writes the whole source where it records a graph for export, on any machine.
EXPORT = """
import sys
from mlx_saccade.backend import mx
from mlx_saccade.gpu import launch, text

kernel = text.KERNELS[sys.argv[1]]
types = {"uchar": mx.uint8, "int": mx.int32}

def run(*inputs):
    return launch._compiled(sys.argv[1], "metal")(
        inputs=list(inputs), grid=(256, 1, 1), threadgroup=(256, 1, 1), output_shapes=[(64,)] * len(kernel.outputs),
        output_dtypes=[types[name] for _, name in kernel.outputs], verbose=True)

mx.export_function(sys.argv[2], run, *[mx.zeros((64,), dtype=types[name]) for _, name in kernel.inputs])
"""


@cache
def source_of(kernel: str) -> str:
    """Return the source that MLX generates for Metal."""
    words = [sys.executable, "-c", EXPORT, kernel, "/dev/null"]
    printed = subprocess.run(words, capture_output=True, text=True, check=False)
    found = re.search(r"```\n(.*)```", printed.stdout, re.DOTALL)
    if found is None:
        pytest.skip(f"this MLX exports no Metal source: {printed.stderr.strip().splitlines()[-1:]}")
    assert "[[kernel]] void custom_kernel_saccade_" in found[1]
    # The word is poisoned elsewhere. Clang takes a variable in an address space only where it is static.
    unmarked = found[1].replace("[[kernel]] void", "void")
    return re.sub(r"^threadgroup ", "static threadgroup ", unmarked, flags=re.MULTILINE)


def problems(source: str) -> str:
    """Return what clang says against a source; empty if it takes it."""
    words = [str(CLANG), *FLAGS, "-x", "c++", "-include", str(STAND_IN), "-"]
    return subprocess.run(words, input=source, capture_output=True, text=True, check=False).stderr


def with_deduced_results(source: str) -> str:
    """Return a source whose functions get their type from their body: clang refuses one that calls itself."""
    declared = "#define FUNCTION(result) inline result"
    assert declared in source
    return source.replace(declared, "#define FUNCTION(result) inline auto")


@pytest.mark.parametrize("kernel", text.KERNELS)
def test_metal_text_is_accepted(kernel: str) -> None:
    source = source_of(kernel)
    assert " constant " not in source.partition("custom_kernel_saccade_")[2]
    assert problems(source) == ""
    assert problems(with_deduced_results(source)) == ""


def replaced(kernel: str, old: str, new: str) -> str:
    source = source_of(kernel)
    assert old in source
    return source.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("SHARED(uchar) strip, READS(int) weights", "WRITES(uchar) strip, READS(int) weights", "no matching function"),
        (
            "READS(uchar) source, READS(int) plans, int",
            "SHARED(uchar) source, READS(int) plans, int",
            "no matching function",
        ),
        ("WRITES(uchar) patches", "SHARED(uchar) patches", "no matching function"),
        ("SHARED(uchar) strip, uint group", "const constant uchar* strip, uint group", "no matching function"),
        ("READS(int) plans, int plan, int x", "const int* plans, int plan, int x", "no matching function"),
        ("static threadgroup uchar strip", "uchar strip", "no matching function"),
        ("    uint sum = 0;", "    double exact = 0; uint sum = exact;", "poisoned"),
    ],
)
def test_metal_text_with_a_wrong_address_space_is_refused(old: str, new: str, problem: str) -> None:
    assert problem in problems(replaced("resize_patchify", old, new))


REFUSED = {
    "pointers of two spaces": "device int* f(threadgroup int* a) { return a; }",
    "a cast between spaces": "device int* f(threadgroup int* a) { return static_cast<device int*>(a); }",
    "double": "double f() { return 1; }",
    "an atomic of 64 bits": "unsigned long f(device atomic<unsigned long>* a) "
    "{ return atomic_fetch_add_explicit(a, 1ul, memory_order_relaxed); }",
    "an atomic of 64 bits by name": "void f(device atomic_ulong* a) {}",
    "a function that calls itself": "inline auto f(int n) { return n ? f(n - 1) : 0; }",
    "functions that call each other": "inline auto g(int n); inline auto f(int n) { return n ? g(n - 1) : 0; }",
    "a variable with the name of an address space": "int f(int thread) { return thread; }",
    "a variable with the name of a type": "int f(int half) { return half; }",
    "memory of a heap": "int* f() { return new int; }",
}


@pytest.mark.parametrize("words", REFUSED)
def test_stand_in_refuses(words: str) -> None:
    assert "error:" in problems(REFUSED[words])


def test_stand_in_takes_what_metal_has() -> None:
    assert not problems(
        "uint f(device atomic_uint* a, threadgroup uint* b, constant uint* c) { threadgroup_barrier"
        "(metal::mem_flags::mem_threadgroup); return b[0] + c[0] + atomic_fetch_add_explicit(a, 1u, "
        "memory_order_relaxed); }"
    )
