"""Print the kernels that the CPU supports according to Linux or macOS, so that tests fail if the library lacks one.

The names go to standard output, separated by ";", for SACCADE_TEST_KERNELS. A summary goes to standard error. Prints
nothing on other systems.
"""

import platform
import subprocess
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


# macOS's names of these features; every Apple CPU has ASIMD.
SYSCTLS = {"hw.optional.arm.FEAT_DotProd": "asimddp", "hw.optional.arm.FEAT_I8MM": "i8mm"}


def linux_flags(cpuinfo: str) -> set[str]:
    """Return the features in the text of /proc/cpuinfo."""
    for line in cpuinfo.splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()


def macos_flags(sysctl: str) -> set[str]:
    """Return the features in what `sysctl` prints of SYSCTLS, in Linux's spelling."""
    values = dict(line.split(": ", 1) for line in sysctl.splitlines() if ": " in line)
    return {"asimd"} | {flag for name, flag in SYSCTLS.items() if values.get(name, "").strip() == "1"}


def sort(machine: str, flags: set[str]) -> tuple[list[str], list[str]]:
    """Return the kernels that a CPU with these features supports, and those that it lacks."""
    kernels = KERNELS.get({"arm64": "aarch64"}.get(machine, machine), {})
    has = [name for name, needed in kernels.items() if needed <= flags]
    return has, [name for name in kernels if name not in has]


def read_flags() -> set[str]:
    """Return the features of this machine's CPU; none on other systems."""
    if sys.platform == "darwin":
        return macos_flags(subprocess.run(["sysctl", *SYSCTLS], capture_output=True, text=True, check=False).stdout)
    source = Path("/proc/cpuinfo")
    return linux_flags(source.read_text()) if source.exists() else set()


def main() -> int:
    """Print the names and the summary."""
    if flags := read_flags():
        has, lacks = sort(platform.machine(), flags)
        said = f"kernels that the tests have to find: {' '.join(has) or 'none'}"
        print(said + (f"; NOT RUN, not in this CPU: {' '.join(lacks)}" if lacks else ""), file=sys.stderr)
        print(";".join(has))
    return 0


if __name__ == "__main__":
    sys.exit(main())
