"""Choose the next token from its logits, and read the options that say how.

A token is the most likely one, or drawn from a distribution that is first cut down. The steps and their order are the
reference's (transformers 5.23.0, generation/logits_process.py): repetition penalty, temperature, top-k, top-p, min-p.
Arithmetic is float64.
"""

from __future__ import annotations

import difflib
import inspect
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from mlx_saccade import validation
from mlx_saccade.engine import owner
from mlx_saccade.engine.detokenizer import stop_strings
from mlx_saccade.errors import InputError, brief
from mlx_saccade.grounding.frames import ConventionName, check_convention

__all__ = ["GenerateOptions", "Progress", "RandomSampler", "Sampling", "Settings", "read"]

# If this many of the most likely tokens hold the share that top-p asks for, the other 150,000 need not be sorted.
_HEAD = 1024
# Far above the context of any model.
_MOST_TOKENS = 10**9

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total) in tokens: of the images for "vision", of the prompt for "prefill", "answer".

While a video is decoded, with "frames", in frames."""


class GenerateOptions(TypedDict, total=False):
    """Options that every question takes beside its own arguments.

    Attributes:
        max_tokens: maximum tokens of the answer; a longer one is cut off.
        temperature, top_p, top_k, min_p, repetition_penalty, seed: as `Sampling`; default: the most likely token.
        stop: a string or several at which the answer ends, themselves left out.
        progress: called with (stage, done, total) while the model works, on the engine's thread; what it raises stops
            the call and comes out of it. It may call the engine.
        cancel: an event that stops the call at its next step, with `mlx_saccade.CancelledError`; set it from any
            thread.
        convention: of the numbers in the answer, as `mlx_saccade.grounding.read`; None: the engine's.
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
    cancel: threading.Event | None
    convention: ConventionName | None


@dataclass(frozen=True)
class Sampling:
    """The rules by which a token is chosen.

    Attributes:
        temperature: divides the logits, at least 0; 0 takes the most likely token, and the next three do nothing.
        top_p: keep the smallest set of most likely tokens that holds this share, in (0, 1].
        top_k: keep this many of the most likely tokens, at least 1; None keeps all.
        min_p: drop tokens below this share of the top probability, in 0..1.
        repetition_penalty: in 0.001..1000; logits of tokens in prompt or answer are divided by it where positive, else
            multiplied (arXiv 1909.05858, section 4.1).
        seed: the same seed draws the same tokens from the same distributions; None takes one from the system.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int | None = None
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: a value outside its range; the message names it.
        """
        _check("temperature", self.temperature, "a finite number, at least 0", lambda value: value >= 0)
        _check("top_p", self.top_p, "a number above 0, at most 1", lambda value: 0 < value <= 1)
        _check("min_p", self.min_p, "a number in 0..1", lambda value: 0 <= value <= 1)
        _check("repetition_penalty", self.repetition_penalty, "a number in 0.001..1000", lambda v: 1e-3 <= v <= 1e3)
        for name, least in (("top_k", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None:
                validation.at_least(least, value, name, otherwise=", or None")

    @property
    def greedy(self) -> bool:
        """True if the most likely token is always taken."""
        return self.temperature == 0 and self.repetition_penalty == 1


@dataclass(frozen=True)
class Settings:
    """`GenerateOptions`, checked."""

    max_tokens: int
    sampling: Sampling
    stop: tuple[str, ...]
    progress: Progress | None
    convention: ConventionName | None = None


def read(options: Mapping[str, Any], max_tokens: int, method: Callable[..., Any] | None = None) -> Settings:
    """Check options.

    Args:
        options: `GenerateOptions`, not checked yet.
        max_tokens: default of the option of that name.
        method: that took the options beside its own keywords, which a message about an unknown one names too.

    Raises:
        InputError: an unknown option or a value outside its range; the message names it.
    """
    for name in options:
        if name not in GenerateOptions.__annotations__:
            raise _unknown(name, method)
    progress = options.get("progress")
    if progress is not None and not callable(progress):
        raise InputError(f"progress is {brief(progress)}; give a function of (stage, done, of how many)")
    cancel = options.get("cancel")
    if cancel is not None and not callable(getattr(cancel, "is_set", None)):
        raise InputError(f"cancel is {brief(cancel)}; give a threading.Event")
    sampling = {field.name: options[field.name] for field in fields(Sampling) if field.name in options}
    return Settings(
        max_tokens=validation.at_least(1, options.get("max_tokens", max_tokens), "max_tokens", most=_MOST_TOKENS),
        sampling=Sampling(**sampling),
        stop=stop_strings(options.get("stop")),
        progress=_with_checkpoints(progress),
        convention=None if options.get("convention") is None else check_convention(options["convention"]),
    )


_CHOOSE = "Choose the frames of a film in its part: {'type': 'video', 'video': path, ...}. "
_OF_FILMS = {
    "at": "One frame of a film is media.open_frame(path, at). ",
    **dict.fromkeys(("fps", "num_frames", "nframes", "min_frames", "max_frames", "start", "end"), _CHOOSE),
    **dict.fromkeys(("total", "total_pixels"), "The limit of a film stands in its part: {'type': 'video', ...}. "),
}
"""What to do about an option of films that stands beside a question."""


def _unknown(name: str, method: Callable[..., Any] | None) -> InputError:
    """Return the error for an option that does not exist, with the nearest that does."""
    parameters = () if method is None else inspect.signature(method).parameters.values()
    own = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    known = [*own, *GenerateOptions.__annotations__]
    nearest = difflib.get_close_matches(name, known, 1)
    advice = f"Did you mean {nearest[0]!r}? " if nearest else _OF_FILMS.get(name, "")
    where = "" if method is None else f" of {method.__name__}"
    return InputError(f"unknown option {name!r}{where}. {advice}Known: {', '.join(known)}")


def _with_checkpoints(progress: Progress | None) -> Progress:
    """Return a progress function that also ends a call that its caller has stopped."""

    def report(stage: str, done: int, total: int) -> None:
        owner.checkpoint()
        if progress is not None:
            progress(stage, done, total)

    return report


class RandomSampler:
    """The choice of one answer's tokens, at random."""

    def __init__(self, sampling: Sampling, prompt: Sequence[int] = ()) -> None:
        """Start an answer; `prompt` holds the token ids before it, for the repetition penalty."""
        self.sampling = sampling
        self._random = np.random.default_rng(sampling.seed)
        self._previous = set(prompt)

    def __call__(self, logits: NDArray[Any]) -> int:
        """Choose a token.

        Args:
            logits: [vocabulary], finite, or -infinity for tokens that may not be chosen.
        """
        tokens, shares = self.distribution(logits)
        token = int(tokens[0])
        if len(tokens) > 1:
            sums = np.cumsum(shares)
            place = np.searchsorted(sums, self._random.random() * sums[-1], side="right")
            token = int(tokens[min(int(place), len(tokens) - 1)])
        self._previous.add(token)
        return token

    def distribution(self, logits: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return token ids, most likely first where they were cut, and their shares, which add up to 1."""
        sampling = self.sampling
        values = self._penalized(np.asarray(logits, np.float64))
        if sampling.temperature == 0:
            return np.array([values.argmax()]), np.ones(1)
        with np.errstate(over="ignore"):  # to -infinity, which is a share of 0
            values = (values - values.max()) / sampling.temperature
        tokens = np.flatnonzero(values > -math.inf)
        if sampling.top_k is not None and sampling.top_k < len(tokens):
            tokens = _most_likely(values, tokens, sampling.top_k)
        shares = np.exp(values[tokens] - values[tokens].max())
        shares /= shares.sum()
        if sampling.top_p < 1:
            nucleus = _nucleus(tokens, shares, sampling.top_p)
            tokens, shares = tokens[nucleus], shares[nucleus]
        if sampling.min_p > 0:
            enough = shares >= sampling.min_p * shares.max()
            tokens, shares = tokens[enough], shares[enough]
        return tokens, shares / shares.sum()

    def _penalized(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        penalty = self.sampling.repetition_penalty
        if penalty == 1 or not self._previous:
            return logits
        previous = np.fromiter((token for token in self._previous if token < len(logits)), np.int64)
        values = logits.copy()
        values[previous] = np.where(values[previous] > 0, values[previous] / penalty, values[previous] * penalty)
        return values


def _most_likely(values: NDArray[np.float64], tokens: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the `count` tokens of greatest value, greatest first, the lower id first among equals."""
    own = values[tokens]
    least = np.partition(own, len(own) - count)[len(own) - count]
    above, level = np.flatnonzero(own > least), np.flatnonzero(own == least)
    order = np.concatenate([above[np.argsort(-own[above], kind="stable")], level])[:count]
    greatest: NDArray[np.int64] = tokens[order]
    return greatest


def _nucleus(tokens: NDArray[np.int64], shares: NDArray[np.float64], least: float) -> NDArray[np.int64]:
    """Return places of the smallest set of greatest shares whose sum is at least `least`, greatest first."""
    places = np.arange(len(tokens))
    order = _most_likely(shares, places, min(_HEAD, len(places)))
    sums = np.cumsum(shares[order])
    if sums[-1] < least and len(order) < len(places):
        order = np.argsort(-shares, kind="stable")
        sums = np.cumsum(shares[order])
    return order[: int(np.searchsorted(sums, least, side="left")) + 1]


def _check(name: str, value: Any, expected: str, fits: Any) -> None:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
    if not number or not math.isfinite(value) or not fits(value):
        raise InputError(f"{name} is {brief(value)}; give {expected}")
