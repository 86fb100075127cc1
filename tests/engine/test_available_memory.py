"""The memory that a process can still have, under made-up kernels."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlx_saccade.engine import memory_limit

GIB = 2**30


def kernel(root: Path, cgroup: str, files: dict[str, int | str]) -> tuple[Path, Path]:
    """A /proc with 8 GiB available, and control groups."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "meminfo").write_text(f"MemTotal: {16 * 2**20} kB\nMemAvailable:    {8 * 2**20} kB\n")
    (root / "proc" / "self" / "cgroup").write_text(cgroup)
    for name, value in files.items():
        path = root / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return root / "proc", root / "groups"


@pytest.mark.parametrize(
    ("cgroup", "files", "left"),
    [
        ("", {}, 8 * GIB),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/b/memory.current": GIB}, 8 * GIB),
        ("0::/a/b\n", {"a/b/memory.max": 4 * GIB, "a/b/memory.current": GIB}, 3 * GIB),
        ("0::/a/b\n", {"a/memory.max": 2 * GIB, "a/memory.current": GIB, "a/b/memory.max": "max"}, GIB),
        (
            "0::/a\n",
            {
                "a/memory.max": 4 * GIB,
                "a/memory.current": 3 * GIB,
                "a/memory.stat": f"anon 5\ninactive_file {2 * GIB}",
            },
            3 * GIB,
        ),
        ("0::/the/hosts/path\n", {"memory.max": 2 * GIB, "memory.current": 0}, 2 * GIB),
        (
            "9:cpu,memory:/docker/x\n3:pids:/y\n",
            {"memory/memory.limit_in_bytes": 5 * GIB, "memory/memory.usage_in_bytes": GIB},
            4 * GIB,
        ),
        (
            "9:memory:/\n",
            {"memory/memory.limit_in_bytes": 9223372036854771712, "memory/memory.usage_in_bytes": GIB},
            8 * GIB,
        ),
        ("0::/a\n", {"a/memory.max": GIB, "a/memory.current": 2 * GIB}, 0),
    ],
)
def test_the_least_bound_counts(tmp_path: Path, cgroup: str, files: dict[str, int | str], left: int) -> None:
    assert memory_limit.available_memory(*kernel(tmp_path, cgroup, files)) == left


def test_without_linux_it_is_the_physical_memory(tmp_path: Path) -> None:
    assert memory_limit.available_memory(tmp_path, tmp_path) > 2**28


def test_this_machine_has_some() -> None:
    assert 2**26 < memory_limit.available_memory() <= memory_limit.available_memory(Path("/nowhere"), Path("/nowhere"))


VM_STAT = """Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               20000.
Pages active:                            300000.
Pages inactive:                          290000.
Pages speculative:                         1000.
Pages throttled:                              0.
Pages wired down:                        100000.
"Translation faults":                 123456789.
"""


def test_on_macos_free_and_inactive_pages_can_be_had() -> None:
    assert memory_limit.memory_in_vm_stat(VM_STAT) == 16384 * (20000 + 290000 + 1000)
    assert memory_limit.memory_in_vm_stat("") is None
    assert memory_limit.memory_in_vm_stat(VM_STAT.replace("Pages free", "Pages fried")) is None


def test_on_macos_without_vm_stat_it_is_the_physical_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory_limit.sys, "platform", "darwin")
    monkeypatch.setattr(memory_limit, "_vm_stat", lambda: VM_STAT)
    assert memory_limit.available_memory(tmp_path, tmp_path) == 16384 * 311000
    monkeypatch.setattr(memory_limit, "_vm_stat", str)
    assert memory_limit.available_memory(tmp_path, tmp_path) >= GIB
