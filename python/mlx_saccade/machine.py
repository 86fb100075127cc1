"""The memory that this process can still have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["available_memory"]

_PROC, _GROUPS = Path("/proc"), Path("/sys/fs/cgroup")
# (limit, use, the key in memory.stat of the page cache that can be dropped) of control groups, version 2 and 1.
_V2 = ("memory.max", "memory.current", "inactive_file")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def available_memory(proc: Path = _PROC, groups: Path = _GROUPS) -> int:
    """Bytes that can be allocated before the machine swaps or a control group's limit kills the process.

    Args:
        proc: where the kernel describes processes (Linux).
        groups: where it mounts control groups.

    Returns:
        On Linux the least of MemAvailable and what is left in each control group above this process (cgroup v1 and v2);
        elsewhere the physical memory.
    """
    bounds = list(_left_in_groups(proc, groups))
    machine = _mem_available(proc)
    if machine is None:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(0, min([machine, *bounds]))


def _mem_available(proc: Path) -> int | None:
    for line in _text(proc / "meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _left_in_groups(proc: Path, groups: Path) -> Iterator[int]:
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, names = groups, _V2
        elif "memory" in controllers.split(","):
            root, names = groups / "memory", _V1
        else:
            continue
        # In a container the path is often the host's, and what is mounted is the container's own group.
        inside = Path(path.lstrip("/"))
        for folder in (inside, *inside.parents):
            left = _left(root / folder, names)
            if left is not None:
                yield left


def _left(folder: Path, names: tuple[str, str, str]) -> int | None:
    """What is left in one group; None where it has no limit or is not there."""
    limit, used = _text(folder / names[0]).strip(), _text(folder / names[1]).strip()
    if not limit.isdigit() or not used.isdigit():
        return None
    cached = 0
    for line in _text(folder / "memory.stat").splitlines():
        key, _, value = line.partition(" ")
        if key == names[2] and value.isdigit():
            cached = int(value)
    return int(limit) - int(used) + cached


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
