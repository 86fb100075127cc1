"""Keep a pass in bounded memory and in short evaluations.

MLX computes lazily, and a GPU's watchdog stops a command buffer that runs for seconds. So a tower reserves the work of
each step in an `EvalBudget`, which evaluates the pending steps where a limit would be passed. Only the moment of
evaluation changes: every bit of the result is the same under any limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlx_saccade.backend import mx
from mlx_saccade.errors import InputError
from mlx_saccade.models import cpu_ops
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.config import VisionConfig
from mlx_saccade.preprocess.tower_memory import ROWS

__all__ = [
    "PATCH_LAYERS",
    "QUARTERS",
    "ROWS",
    "EvalBudget",
    "Progress",
    "Run",
    "Segments",
    "check_finite",
    "check_logits",
    "is_finite",
    "join_runs",
    "map_rows",
    "nonfinite_error",
    "schedule",
    "tower_budget",
]

Progress = Callable[[int, int], None]
"""A function of (tokens done, tokens in all), called after each evaluation."""

PATCH_LAYERS = 16384
"""Default limit of one evaluation: 0.7 TFLOP in the towers of 3B and 7B, about a third of a second on an M1."""

QUARTERS = 4
"""Work is counted in quarters of a patch-layer, one patch through the matrices of one block: a quarter for query, key
and value, three for the rest (with the widths of 3B and 7B, 9.8 and 29.6 MFLOP)."""


class EvalBudget:
    """The split of one pass of a tower into evaluations."""

    def __init__(self, limit: int, total: int, tokens: int, progress: Progress | None = None) -> None:
        """Start a pass.

        Args:
            limit: patch-layers of one evaluation; a single step may be more. 0 evaluates every step by itself.
            total: quarters of patch-layers of the whole pass.
            tokens: tokens that the pass makes, for `progress`.
            progress: called after each evaluation.
        """
        self.limit, self.total, self.tokens, self.progress = limit * QUARTERS, total, tokens, progress
        self._done = self._pending = 0
        self._latest: tuple[mx.array, ...] = ()

    def reserve(self, quarters: int) -> None:
        """Announce a step of so much work; evaluate the steps before it if they leave no room."""
        if self._latest and (self.limit == 0 or self._pending + quarters > self.limit):
            self._evaluate()
        self._pending += quarters

    def record(self, *arrays: mx.array) -> None:
        """Set the arrays that depend on all steps so far."""
        self._latest = arrays

    def finish(self, result: mx.array) -> mx.array:
        """Return the result of the pass, evaluated."""
        self._latest = (result,)
        self._evaluate()
        return result

    def _evaluate(self) -> None:
        mx.eval(self._latest)
        self._done += self._pending
        if self.progress is not None and self._pending:
            self.progress(self.tokens * self._done // max(self.total, 1), self.tokens)
        self._pending = 0


def map_rows(
    count: int, function: Callable[[slice], mx.array], budget: EvalBudget, work: int = 0, step: int = ROWS
) -> mx.array:
    """Return a function's results for consecutive rows as one array; its temporaries do not grow with the count.

    Args:
        count: rows in all.
        function: makes [rows, ...] from a slice of rows.
        budget: of the pass.
        work: quarters of a patch-layer that one row costs.
        step: rows at a time.
    """
    if count <= step:
        budget.reserve(count * work)
        whole = function(slice(0, count))
        budget.record(whole)
        return whole
    out: mx.array | None = None
    for first in range(0, count, step):
        rows = slice(first, min(first + step, count))
        budget.reserve((rows.stop - first) * work)
        part = function(rows)
        if out is None:
            out = mx.zeros((count, *part.shape[1:]), dtype=part.dtype)
        out[rows] = part
        budget.record(out)
    assert out is not None
    return out


# The attention segments of a pass: runs of equal length, and what they cost.


@dataclass(frozen=True)
class Run:
    """Neighboring attention segments of equal length: `count` of `length` patches each, from patch `start`."""

    start: int
    count: int
    length: int


@dataclass(frozen=True)
class Segments:
    """The attention segments of one block.

    Attributes:
        runs: segments that cover all patches in order.
        costs: attention of one query in each run, in quarters of a patch-layer.
    """

    runs: tuple[Run, ...]
    costs: tuple[int, ...]

    @property
    def work(self) -> int:
        """Attention of all queries, in quarters of patch-layers."""
        return sum(run.count * run.length * cost for run, cost in zip(self.runs, self.costs, strict=True))


def join_runs(lengths: Sequence[int]) -> tuple[Run, ...]:
    """Join neighboring segments of equal length."""
    runs: list[Run] = []
    start = 0
    for length in lengths:
        if runs and runs[-1].length == length:
            runs[-1] = Run(runs[-1].start, runs[-1].count + 1, length)
        else:
            runs.append(Run(start, 1, length))
        start += length
    return tuple(runs)


def schedule(runs: tuple[Run, ...], config: VisionConfig) -> Segments:
    """Return the segments of a block with their costs.

    A query's scores and their products take 4 L D operations, the matrices of a block 2 (4 D^2 + M D I)
    with M matrices in the MLP.
    """
    matrices = 4 * config.hidden_size + config.mlp_matrices * config.intermediate_size
    return Segments(runs, tuple(round(2 * QUARTERS * run.length / matrices) for run in runs))


def tower_budget(
    limit: int, weight: mx.array, blocks: Sequence[Segments], patches: int, tokens: int, progress: Progress | None
) -> EvalBudget:
    """Return the budget of one pass of a tower.

    Args:
        limit: patch-layers of one evaluation on a GPU.
        weight: a weight of the tower, for its precision.
        blocks: attention segments of each block.
        patches: patches of all images.
        tokens: tokens of all images.
        progress: called after each evaluation.
    """
    total = sum(patches * QUARTERS + segments.work for segments in blocks)
    # On the CPU NumPy needs its operands evaluated, so every step is evaluated by itself.
    return EvalBudget(0 if cpu_ops.applies(weight) else limit, total, tokens, progress)


# Values that are not finite, traced to the stage where they began.


def is_finite(array: mx.array) -> bool:
    """Return True if an array has neither NaN nor infinity."""
    # Both survive in the sum, and in float32 a sum of finite values is finite.
    return bool(mx.isfinite(array.astype(mx.float32).sum()).item()) or bool(mx.isfinite(array).all().item())


def check_finite(stage: str, array: mx.array, dtype: mx.Dtype) -> None:
    """Refuse a stage's output that is not finite.

    Args:
        stage: name of the stage, for the message.
        array: its output.
        dtype: precision of the weights.

    Raises:
        InputError: the output is not finite.
    """
    if not is_finite(array):
        raise nonfinite_error(stage, dtype)


def check_logits(logits: mx.array, cache: Sequence[KVCache]) -> None:
    """Refuse logits that are not finite.

    Args:
        logits: logits of the next token.
        cache: keys and values of each layer, which are made of the output of the layer before.

    Raises:
        InputError: names the layer where the values began.
    """
    if is_finite(logits):
        return
    for number, layer in enumerate(cache):
        if not all(is_finite(array) for array in layer.state):
            where = f"layer {number - 1}" if number else "the embeddings"
            raise nonfinite_error(f"{where} of the language model", logits.dtype)
    raise nonfinite_error(f"layer {len(cache) - 1} of the language model, or its head", logits.dtype)


def nonfinite_error(stage: str, dtype: mx.Dtype) -> InputError:
    """Return the error for a stage whose values are not finite in a precision."""
    name = str(dtype).rpartition(".")[2]
    advice = "The weights may hold NaN: download the checkpoint again"
    if dtype == mx.float16:
        advice = "Its range ends at 65,504: load with compute_dtype='bfloat16' or 'float32'"
    return InputError(f"{stage}: expected finite values; got NaN or infinity in {name}. {advice}")
