"""Define what the two ends of a side's process exchange: how to load, what to ask, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from mlx_saccade.errors import InputError

__all__ = ["Measurement", "Question", "Side", "SideOptions", "use_device"]


@dataclass(frozen=True)
class SideOptions:
    """The options with which a side loads.

    Attributes:
        folder: folder of the checkpoint.
        device: device of MLX, "cpu" or "gpu".
        dtype: precision of the computation, such as "float32"; empty: the side's own choice.
        answer_tokens: tokens of each answer, at least 2.
        memory: maximum bytes of memory.
    """

    folder: str
    device: str
    dtype: str
    answer_tokens: int
    memory: int


@dataclass(frozen=True)
class Question:
    """A question about an image file, at a budget in visual tokens."""

    image: str
    text: str
    budget: int


@dataclass(frozen=True)
class Measurement:
    """The seconds of a question by stage (`mlx_saccade.bench.run.STAGES`), and what they are of.

    Attributes:
        seconds: seconds by stage.
        tokens: visual tokens.
        grid_thw: patches in time, rows and columns.
        patch_bytes: bytes of the patches.
        prompt_tokens: tokens of the prompt.
        peak_bytes: peak memory of MLX.
        answer: ids of the answer's tokens.
    """

    seconds: Mapping[str, float]
    tokens: int
    grid_thw: tuple[int, int, int]
    patch_bytes: int
    prompt_tokens: int
    peak_bytes: int
    answer: tuple[int, ...]


class Side(Protocol):
    """A loaded side."""

    def predict(self, size: tuple[int, int], budget: int, text: str) -> int:
        """Return the predicted bytes at the peak of a question about an image of a size, weights included."""

    def forget(self) -> None:
        """Drop what earlier questions left in caches."""

    def ask(self, question: Question) -> Measurement:
        """Ask and measure."""


def use_device(device: str) -> None:
    """Make a device MLX's default in this thread.

    Raises:
        InputError: MLX has no such device here.
    """
    from mlx_saccade.backend import mx

    if device == "gpu" and not mx.is_available(mx.gpu):
        raise InputError("--device gpu: expected a GPU that MLX can use; got none. Leave it out, or pass --device cpu")
    mx.set_default_device(mx.gpu if device == "gpu" else mx.cpu)
