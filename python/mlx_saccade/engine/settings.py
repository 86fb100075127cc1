"""How an answer is made: its length, its end, and how tokens are chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypedDict

from mlx_saccade import whole_numbers
from mlx_saccade.engine.pieces import stop_strings
from mlx_saccade.engine.sampling import Sampling
from mlx_saccade.errors import InputError, brief

__all__ = ["Options", "Progress", "Settings", "read"]

Progress = Callable[[str, int, int], None]
"""Is told (stage, done, of how many) in tokens: of the images for "vision", of the prompt for "prefill", "answer"."""


class Options(TypedDict, total=False):
    """What every question takes beside its own arguments.

    max_tokens: an answer longer than this is cut off.
    temperature, top_p, top_k, min_p, repetition_penalty, seed: as `sampling.Sampling`; by default the likeliest token.
    stop: a string or several at which the answer ends, themselves left out.
    progress: is called with (stage, done, of how many) while the model works.
    """

    max_tokens: int
    temperature: float
    top_p: float
    top_k: int | None
    min_p: float
    repetition_penalty: float
    seed: int | None
    stop: str | Sequence[str] | None
    progress: Progress | None


@dataclass(frozen=True)
class Settings:
    """`Options`, checked."""

    max_tokens: int
    sampling: Sampling
    stop: tuple[str, ...]
    progress: Progress | None


def read(options: Mapping[str, Any], max_tokens: int) -> Settings:
    """Check options; `max_tokens` is what counts where they do not say.

    Raises:
        InputError: an unknown option or a value outside its range; the message names it.
    """
    known = tuple(Options.__annotations__)
    unknown = [name for name in options if name not in known]
    if unknown:
        raise InputError(f"unknown option {unknown[0]!r}; known: {', '.join(known)}")
    progress = options.get("progress")
    if progress is not None and not callable(progress):
        raise InputError(f"progress is {brief(progress)}; give a function of (stage, done, of how many)")
    sampling = {field.name: options[field.name] for field in fields(Sampling) if field.name in options}
    return Settings(
        max_tokens=whole_numbers.at_least(1, options.get("max_tokens", max_tokens), "max_tokens"),
        sampling=Sampling(**sampling),
        stop=stop_strings(options.get("stop")),
        progress=progress,
    )
