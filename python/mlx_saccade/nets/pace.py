"""When what has been asked of MLX is computed: in portions, so that no command buffer runs for seconds.

MLX computes lazily, and a GPU's watchdog (Apple's, above all) kills what keeps the screen waiting. So the tower tells
its pace before each step how much work it adds, and the pace has the steps before it evaluated where the limit would be
passed. Only the moment changes: the steps themselves, and so every bit of the result, are the same under any limit.
"""

from __future__ import annotations

from collections.abc import Callable

from mlx_saccade.backend import mx

__all__ = ["PATCH_LAYERS", "QUARTERS", "Pace", "Progress"]

Progress = Callable[[int, int], None]
"""Told (tokens done, tokens in all) each time some are."""

PATCH_LAYERS = 16384
"""Default limit of one evaluation: 0.7 TFLOP in the towers of 3B and 7B, about a third of a second on an M1."""

QUARTERS = 4
"""Work is counted in quarters of a patch-layer, one patch through the matrices of one block: a quarter for query, key
and value, three for the rest (with the widths of 3B and 7B, 9.8 and 29.6 MFLOP)."""


class Pace:
    """Splits one pass of a tower into evaluations."""

    def __init__(self, limit: int, total: int, tokens: int, progress: Progress | None = None) -> None:
        """Start a pass.

        Args:
            limit: patch-layers of one evaluation; a single step may be more. 0: every step by itself.
            total: quarters of patch-layers of the whole pass.
            tokens: that the pass makes, for `progress`.
            progress: told after each evaluation.
        """
        self.limit, self.total, self.tokens, self.progress = limit * QUARTERS, total, tokens, progress
        self._done = self._pending = 0
        self._made: tuple[mx.array, ...] = ()

    def before(self, quarters: int) -> None:
        """A step of so much work follows."""
        if self._made and (self.limit == 0 or self._pending + quarters > self.limit):
            self._evaluate()
        self._pending += quarters

    def made(self, *arrays: mx.array) -> None:
        """These depend on all steps so far."""
        self._made = arrays

    def finish(self, result: mx.array) -> mx.array:
        """The end of the pass: `result`, evaluated."""
        self._made = (result,)
        self._evaluate()
        return result

    def _evaluate(self) -> None:
        mx.eval(self._made)
        self._done += self._pending
        if self.progress is not None and self._pending:
            self.progress(self.tokens * self._done // max(self.total, 1), self.tokens)
        self._pending = 0
