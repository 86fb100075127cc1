"""Results that are no numbers: found, and traced to the layer where they began.

A float16 value past 65,504 becomes infinite, a sum with it NaN, and the likeliest token of NaN is token 0, for ever. So
the end of the tower and the logits are looked at; only where they are not finite is the cause searched for.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlx_saccade.backend import mx
from mlx_saccade.errors import InputError
from mlx_saccade.nets.language import KVCache

__all__ = ["check_logits", "check_stage", "is_finite", "refusal"]


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
