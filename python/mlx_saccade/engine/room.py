"""The memory that requests may take: a limit, and the refusal of what would pass it before anything is allocated.

What is kept of earlier requests counts, and gives way: it is dropped before a request that fits without it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlx_saccade import byte_sizes, caches, nets
from mlx_saccade.backend import device, mx
from mlx_saccade.budget import Plan
from mlx_saccade.errors import InputError
from mlx_saccade.machine import available_memory
from mlx_saccade.nets import Estimate, Model

__all__ = ["Room", "default_limit", "read_limit"]

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
    return default_limit() if value is None else byte_sizes.parse(value, "memory_limit")


class Room:
    """Predicts requests, and refuses those that do not fit."""

    def __init__(self, model: Model, kept: caches.Ledger, limit: int) -> None:
        """Take the model whose memory counts, what is kept of earlier requests, and a limit in bytes."""
        self.model, self.kept, self.limit = model, kept, limit

    def estimate(self, plans: Sequence[Plan], prompt: int, answer: int) -> Estimate:
        """What a request takes: its plans in order, tokens of its prompt and of its answer."""
        media = [(plan.patches, plan.frames) for plan in plans]
        return nets.memory.estimate(self.model, media, prompt, answer)

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
        wanted = nets.memory.estimate(self.model, media, longest, answer, rows=len(rows)).peak
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
            advice = f"no budget fits; raise {_OPTION}, or load a smaller or quantised checkpoint"
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
