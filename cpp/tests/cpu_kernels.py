"""Print the kernels that the CPU supports according to Linux, so that tests fail if the library lacks one.

The names go to standard output, separated by ";", for SACCADE_TEST_KERNELS. A summary goes to standard error. Prints
nothing on other systems.
"""

import platform
import sys
from pathlib import Path

# Features that cpp/src/kernels checks, in the spelling of /proc/cpuinfo; fastest first.
BW = {"avx2", "avx512f", "avx512bw", "avx512vl", "avx512dq"}
KERNELS = {
    "x86_64": {
        "avx512": (BW - {"avx2"}) | {"avx512vbmi", "avx512_vbmi2", "avx512_vnni"},
        "avx512-bw": BW,
        "avx2": {"avx2", "fma"},
    },
    "aarch64": {"neon-i8mm": {"i8mm", "asimddp"}, "neon-dotprod": {"asimddp"}, "neon": {"asimd"}},
}


def sort(machine: str, cpuinfo: str) -> tuple[list[str], list[str]]:
    """Return the kernels that a CPU supports, and those that it lacks, by the text of /proc/cpuinfo."""
    flags: set[str] = set()
    for line in cpuinfo.splitlines():
        if line.startswith(("flags", "Features")):
            flags = set(line.partition(":")[2].split())
            break
    kernels = KERNELS.get(machine, {})
    has = [name for name, needed in kernels.items() if needed <= flags]
    return has, [name for name in kernels if name not in has]


def main() -> int:
    """Print the names and the summary."""
    source = Path("/proc/cpuinfo")
    if source.exists():
        has, lacks = sort(platform.machine(), source.read_text())
        said = f"kernels that the tests have to find: {' '.join(has) or 'none'}"
        print(said + (f"; NOT RUN, not in this CPU: {' '.join(lacks)}" if lacks else ""), file=sys.stderr)
        print(";".join(has))
    return 0


if __name__ == "__main__":
    sys.exit(main())
