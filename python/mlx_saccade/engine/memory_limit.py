"""The memory that requests may take: a limit, and the refusal of what would pass it before anything is allocated.

What is kept of earlier requests counts, and gives way: it is dropped before a request that fits without it runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mlx_saccade import cache, models, validation
from mlx_saccade.backend import device, mx
from mlx_saccade.errors import InputError
from mlx_saccade.models import Estimate, Model
from mlx_saccade.preprocess.plan import Plan

__all__ = ["MemoryLimit", "available_memory", "default_limit", "read_limit"]

_CPU_SHARE = 0.75
_OPTION = "memory_limit (--memory-limit)"


def default_limit() -> int:
    """Bytes: what MLX says that the GPU recommends; on the CPU three quarters of the memory the process can have."""
    if device() == "cpu":
        return int(_CPU_SHARE * (available_memory() + mx.get_active_memory()))
    information = mx.device_info()
    most = information.get("max_recommended_working_set_size") or information.get("memory_size")
    return int(most) if most else int(_CPU_SHARE * available_memory())


def read_limit(value: int | str | None) -> int:
    """A limit that a user gave, in bytes; None: the default.

    Raises:
        InputError: no amount of memory.
    """
    return default_limit() if value is None else validation.parse_bytes(value, "memory_limit")


class MemoryLimit:
    """Predicts requests, and refuses those that do not fit."""

    def __init__(self, model: Model, kept: cache.ByteLRU, limit: int) -> None:
        """Take the model whose memory counts, what is kept of earlier requests, and a limit in bytes."""
        self.model, self.kept, self.limit = model, kept, limit

    def estimate(self, plans: Sequence[Plan], prompt: int, answer: int) -> Estimate:
        """What a request takes: its plans in order, tokens of its prompt and of its answer."""
        media = [(plan.patches, plan.frames) for plan in plans]
        return models.memory.estimate(self.model, media, prompt, answer)

    def make(self, peak: int) -> None:
        """Have no more kept, until another request runs, than one that takes `peak` bytes leaves of the limit."""
        before = self.kept.used
        self.kept.leave(self.limit - peak)
        if self.kept.used < before:
            mx.clear_cache()

    def check_rows(self, rows: Sequence[tuple[Sequence[Plan], int]], answer: int) -> int:
        """As `check`, of requests that are read at once; (plans, tokens of the prompt) of each."""
        media = [(plan.patches, plan.frames) for plans, _ in rows for plan in plans]
        longest = max(prompt for _, prompt in rows)
        wanted = models.memory.estimate(self.model, media, longest, answer, rows=len(rows)).peak
        if wanted <= self.limit:
            return wanted
        raise InputError(
            f"the {len(rows)} questions at once would take {_megabytes(wanted)} with the weights, and the memory limit "
            f"is {_megabytes(self.limit)}: ask fewer at a time, lower the budget, or raise {_OPTION}"
        )

    def check(
        self, plans: Sequence[Plan], prompt: int, answer: int, capped: Callable[[int], Sequence[Plan] | None]
    ) -> int:
        """Refuse a request that would pass the limit.

        Args:
            plans: of its media.
            prompt: tokens.
            answer: tokens.
            capped: the plans under a cap in tokens on each; None where there are none.

        Returns:
            What it will take, in bytes, with the weights and without what is kept of others.

        Raises:
            InputError: it would; the message has both numbers, and the largest budget that fits.
        """
        wanted = self.estimate(plans, prompt, answer).peak
        if wanted <= self.limit:
            return wanted
        best = self._largest(plans, prompt, answer, capped)
        shares = f" (images: {', '.join(f'{plan.tokens:,}' for plan in plans)} tokens)" if plans else ""
        if best is None:
            advice = f"no budget fits; raise {_OPTION}, or load a smaller or quantized checkpoint"
        else:
            advice = f"the largest budget that fits is {best} tokens an image; pass it, or raise {_OPTION}"
        raise InputError(
            f"the request would take {_megabytes(wanted)} with the weights{shares}, and the memory "
            f"limit is {_megabytes(self.limit)}: {advice}"
        )

    def _largest(
        self, plans: Sequence[Plan], prompt: int, answer: int, capped: Callable[[int], Sequence[Plan] | None]
    ) -> int | None:
        """The largest cap in tokens under which a request fits."""
        words = prompt - sum(plan.tokens for plan in plans)
        low, high = 0, max((plan.tokens for plan in plans), default=0)
        while low < high:
            middle = (low + high + 1) // 2
            made = capped(middle)
            fits = made is not None and self.limit >= (
                self.estimate(made, words + sum(plan.tokens for plan in made), answer).peak
            )
            low, high = (middle, high) if fits else (low, middle - 1)
        return low or None


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


# The memory that this process can still have.
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
