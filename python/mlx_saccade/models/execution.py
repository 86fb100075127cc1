"""When what has been asked of MLX is computed: in portions, so that no command buffer runs for seconds.

MLX computes lazily, and a GPU's watchdog (Apple's, above all) kills what keeps the screen waiting. So the tower tells
its pace before each step how much work it adds, and the pace has the steps before it evaluated where the limit would be
passed. Only the moment changes: the steps themselves, and so every bit of the result, are the same under any limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlx_saccade.backend import mx
from mlx_saccade.errors import InputError
from mlx_saccade.models.cache import KVCache
from mlx_saccade.preprocess.tower_memory import ROWS

__all__ = [
    "PATCH_LAYERS",
    "QUARTERS",
    "ROWS",
    "EvalBudget",
    "Progress",
    "check_logits",
    "check_stage",
    "fill",
    "is_finite",
    "refusal",
]

Progress = Callable[[int, int], None]
"""Told (tokens done, tokens in all) each time some are."""

PATCH_LAYERS = 16384
"""Default limit of one evaluation: 0.7 TFLOP in the towers of 3B and 7B, about a third of a second on an M1."""

QUARTERS = 4
"""Work is counted in quarters of a patch-layer, one patch through the matrices of one block: a quarter for query, key
and value, three for the rest (with the widths of 3B and 7B, 9.8 and 29.6 MFLOP)."""


class EvalBudget:
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


# Results that are no numbers: found, and traced to the layer where they began.
def is_finite(array: mx.array) -> bool:
    """Whether all values are numbers."""
    # A NaN or an infinity is still one in the sum; the sum of finite values is finite in float32.
    return bool(mx.isfinite(array.astype(mx.float32).sum()).item()) or bool(mx.isfinite(array).all().item())


def check_stage(name: str, array: mx.array, dtype: mx.Dtype) -> None:
    """Refuse a stage's output that is no numbers.

    Args:
        name: of the stage, for the message.
        array: its output.
        dtype: that the weights are in.

    Raises:
        InputError: it is not finite.
    """
    if not is_finite(array):
        raise refusal(name, dtype)


def check_logits(logits: mx.array, cache: Sequence[KVCache]) -> None:
    """Refuse logits that are no numbers.

    Args:
        logits: of the next token.
        cache: keys and values of each layer: a layer's are made of what the one before it gave.

    Raises:
        InputError: names the layer.
    """
    if is_finite(logits):
        return
    for number, layer in enumerate(cache):
        if not all(is_finite(array) for array in layer.state):
            where = f"layer {number - 1}" if number else "the embeddings"
            raise refusal(f"{where} of the language model", logits.dtype)
    raise refusal(f"layer {len(cache) - 1} of the language model, or its head", logits.dtype)


def refusal(where: str, dtype: mx.Dtype) -> InputError:
    """The error for values of a stage that are not finite in a precision."""
    name = str(dtype).rpartition(".")[2]
    advice = "the weights may hold NaN: download the checkpoint again"
    if dtype == mx.float16:
        advice = "its range ends at 65,504: load with compute_dtype='bfloat16' or 'float32'"
    return InputError(f"{where}: values are no longer finite in {name}; {advice}")


# Work that each row of an array goes through alone, some rows at a time: its temporaries do not grow with the rest.
def fill(count: int, piece: Callable[[slice], mx.array], pace: EvalBudget, work: int = 0, step: int = ROWS) -> mx.array:
    """What `piece` makes of consecutive rows, as one array.

    Args:
        count: rows in all.
        piece: from a slice of rows to [rows, ...].
        pace: is told of each step.
        work: quarters of a patch-layer that one row costs.
        step: rows at a time.
    """
    if count <= step:
        pace.before(count * work)
        whole = piece(slice(0, count))
        pace.made(whole)
        return whole
    out: mx.array | None = None
    for first in range(0, count, step):
        rows = slice(first, min(first + step, count))
        pace.before((rows.stop - first) * work)
        made = piece(rows)
        if out is None:
            out = mx.zeros((count, *made.shape[1:]), dtype=made.dtype)
        out[rows] = made
        pace.made(out)
    assert out is not None
    return out
