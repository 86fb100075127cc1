"""Limit the memory of requests: predict it, refuse a request above the limit, and evict caches to make room.

The caches count toward the limit and are evicted first. Nothing is allocated for a request that is refused.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mlx_saccade import cache, models, validation
from mlx_saccade.backend import device, mx
from mlx_saccade.errors import InputError, quantity
from mlx_saccade.models import Estimate, Model
from mlx_saccade.preprocess.plan import Plan, kinds_of

__all__ = ["MemoryLimit", "available_memory", "default_limit", "read_limit"]

_CPU_SHARE = 0.75
_OPTION = "memory_limit (--memory-limit)"

_PROC, _GROUPS = Path("/proc"), Path("/sys/fs/cgroup")
# (limit, use, the key in memory.stat of the page cache that can be dropped) of control groups, version 2 and 1.
_V2 = ("memory.max", "memory.current", "inactive_file")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")

Capped = Callable[[int], Sequence[Plan] | None]
"""Returns the plans of a request under a cap in tokens on each; None if there are none."""


class MemoryLimit:
    """A limit in bytes on the weights, one request at a time and the caches, together."""

    def __init__(self, model: Model, lru: cache.ByteLRU, limit: int) -> None:
        """Take the model whose memory counts, the entries of the caches, and the limit in bytes."""
        self.model, self.lru, self.limit = model, lru, limit

    def estimate(self, plans: Sequence[Plan], prompt: int, answer: int) -> Estimate:
        """Predict the memory of a request from its plans and the tokens of its prompt and answer."""
        return models.memory.estimate(self.model, _grids(plans), prompt, answer)

    def estimate_rows(self, rows: Sequence[tuple[Sequence[Plan], int]], answer: int) -> Estimate:
        """Predict the memory of requests that run at once; of each (plans, tokens of the prompt)."""
        media = [grid for plans, _ in rows for grid in _grids(plans)]
        longest = max(prompt for _, prompt in rows)
        return models.memory.estimate(self.model, media, longest, answer, rows=len(rows))

    def evict_for(self, peak: int) -> None:
        """Evict cached entries until a request of `peak` bytes fits, and keep that room until the next call."""
        before = self.lru.used
        self.lru.leave(self.limit - peak)
        if self.lru.used < before:
            mx.clear_cache()

    def require(self, plans: Sequence[Plan], prompt: int, answer: int, capped: Capped) -> int:
        """Refuse a request that would pass the limit.

        Args:
            plans: of its media.
            prompt: tokens.
            answer: tokens.
            capped: gives smaller plans, to find the largest budget that fits.

        Returns:
            The bytes that it will take, with the weights and without the caches.

        Raises:
            InputError: it would pass the limit; the message has both numbers, and the largest budget that fits.
        """
        peak = self.estimate(plans, prompt, answer).peak
        if peak <= self.limit:
            return peak
        best = self._largest(plans, prompt, answer, capped)
        tokens = ", ".join(f"{plan.tokens:,}" for plan in plans)
        shares = f" ({kinds_of(plans)}: {tokens} tokens)" if plans else ""
        smaller = None if best is None else capped(best)
        if best is None or smaller is None:
            advice = f"no budget fits; raise {_OPTION}, or load a smaller or quantized checkpoint"
        else:
            advice = f"{_largest_text(best, smaller)}, or raise {_OPTION}"
        raise InputError(
            f"the request would take {_megabytes(peak)} with the weights{shares}, and the memory "
            f"limit is {_megabytes(self.limit)}: {advice}"
        )

    def require_rows(self, rows: Sequence[tuple[Sequence[Plan], int]], answer: int) -> int:
        """Refuse requests that would pass the limit together; arguments as `estimate_rows`, result as `require`.

        Raises:
            InputError: they would pass the limit.
        """
        peak = self.estimate_rows(rows, answer).peak
        if peak <= self.limit:
            return peak
        raise InputError(
            f"the {len(rows)} questions at once would take {_megabytes(peak)} with the weights, and the memory limit "
            f"is {_megabytes(self.limit)}: ask fewer at a time, lower the budget, or raise {_OPTION}"
        )

    def _largest(self, plans: Sequence[Plan], prompt: int, answer: int, capped: Capped) -> int | None:
        """Return the largest cap in tokens under which a request fits."""
        words = prompt - sum(plan.tokens for plan in plans)
        low, high = 0, max((plan.tokens for plan in plans), default=0)
        while low < high:
            middle = (low + high + 1) // 2
            smaller = capped(middle)
            fits = smaller is not None and self.limit >= (
                self.estimate(smaller, words + sum(plan.tokens for plan in smaller), answer).peak
            )
            low, high = (middle, high) if fits else (low, middle - 1)
        return low or None


def _largest_text(cap: int, plans: Sequence[Plan]) -> str:
    """Return in words which budget fits, and which total of a film, whose budget is of each frame.

    Args:
        cap: in tokens on each image or film.
        plans: under that cap.
    """
    totals = [plan.tokens for plan in plans if plan.frames > 1]
    if not totals:
        return f"the largest budget that fits is {quantity(cap, 'token')} an image; pass it"
    film = f"{quantity(max(totals), 'token')} for a film (--total, total in its part)"
    if len(totals) == len(plans):
        return f"the largest total that fits is {film}; pass it"
    return f"the largest that fit are a budget of {quantity(cap, 'token')} an image and {film}; pass them"


def read_limit(value: int | str | None) -> int:
    """Return a limit in bytes from the option; None: the default.

    Raises:
        InputError: not an amount of memory.
    """
    return default_limit() if value is None else validation.parse_bytes(value, "memory_limit")


def default_limit() -> int:
    """Return the bytes that MLX recommends for the GPU; on the CPU three quarters of the available memory."""
    if device() == "cpu":
        return int(_CPU_SHARE * (available_memory() + mx.get_active_memory()))
    information = mx.device_info()
    most = information.get("max_recommended_working_set_size") or information.get("memory_size")
    return int(most) if most else int(_CPU_SHARE * available_memory())


def available_memory(proc: Path = _PROC, groups: Path = _GROUPS) -> int:
    """Return the bytes that can be allocated before the machine swaps or a control group kills the process.

    Args:
        proc: where the kernel describes processes (Linux).
        groups: where it mounts control groups.

    Returns:
        On Linux the least of MemAvailable and of the rest of each control group above this process (cgroup v1 and
        v2); on macOS the free and inactive pages; elsewhere the physical memory.
    """
    bounds = list(_left_in_groups(proc, groups))
    machine = _mem_available(proc)
    if machine is None and sys.platform == "darwin":
        machine = memory_in_vm_stat(_vm_stat())
    if machine is None:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(0, min([machine, *bounds]))


def memory_in_vm_stat(text: str) -> int | None:
    """Return the bytes that macOS can give out at once, by what `vm_stat` prints; None if it cannot be read."""
    page = re.search(r"page size of (\d+) bytes", text)
    pages = dict(re.findall(r"^Pages (free|inactive|speculative): +(\d+)\.$", text, re.MULTILINE))
    return int(page[1]) * sum(map(int, pages.values())) if page and "free" in pages else None


def _vm_stat() -> str:
    try:
        return subprocess.run(["vm_stat"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


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
        # In a container the path is often the host's, while the container's own group is mounted.
        inside = Path(path.lstrip("/"))
        for folder in (inside, *inside.parents):
            left = _left(root / folder, names)
            if left is not None:
                yield left


def _left(folder: Path, names: tuple[str, str, str]) -> int | None:
    """Return the bytes left in one group; None where it has no limit or does not exist."""
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


def _grids(plans: Sequence[Plan]) -> list[tuple[int, int]]:
    """Return (patches, frames) of each plan."""
    return [(plan.patches, plan.frames) for plan in plans]


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
