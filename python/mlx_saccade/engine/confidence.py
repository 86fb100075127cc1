"""Rate the place of an answer by the probabilities of the tokens that wrote its numbers.

The probability of one exact pixel says little: a model that knows a box well still wavers between 411 and 412. So each
number is given the probability of all numbers near it, within a quarter of the box's side, and the confidence is the
product over the place's numbers. Of the functions tried on generated screens it tells right boxes from wrong ones
best, and is the one that comes near the share of right boxes (benchmarks/README.md).

Probabilities are those of the model's own logits at temperature 1, before penalties, filters or a grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.backend import mx
from mlx_saccade.grounding.written import WrittenPlace
from mlx_saccade.models import Observer, log_probabilities

__all__ = ["NumberTokens", "TokenRecorder", "observe_rows"]

_PLAIN = re.compile(r"[-+]?[0-9]*\.?[0-9]+")
_DIGIT = re.compile(r"[0-9]")


class NumberTokens:
    """The tokens of a tokenizer that are nothing but digits."""

    def __init__(self, tokens: Mapping[int, str]) -> None:
        """Take the digits of each by id, as `Prompts.number_tokens` returns them."""
        self.ids: NDArray[np.int64] = np.array(sorted(tokens), np.int64)
        self.places = {int(number): place for place, number in enumerate(self.ids)}
        self.lengths = np.array([len(tokens[number]) for number in self.places], np.int64)
        self.values = np.array([int(tokens[number]) for number in self.places], np.float64)
        self.powers = 10.0**self.lengths


class TokenRecorder:
    """The tokens of one answer, with the probabilities of all number tokens where one was written."""

    def __init__(self, numbers: NumberTokens) -> None:
        """Start an answer."""
        self._numbers = numbers
        self._tokens: list[int] = []
        self._logs: dict[int, mx.array | NDArray[np.float32]] = {}

    def add(self, token: int, logits: mx.array) -> None:
        """Take the next token and the logits [vocabulary] that it was chosen from."""
        if token in self._numbers.places:
            self._logs[len(self._tokens)] = log_probabilities(logits, self._numbers.ids)
        self._tokens.append(token)

    def confidence(self, place: WrittenPlace, text: str, decode: Callable[[Sequence[int]], str]) -> float | None:
        """Return the confidence of a place in 0..1, as `Answer.confidence` says.

        Args:
            place: in the text.
            text: of these tokens, or its beginning.
            decode: text of token ids.

        Returns:
            None if a number of the place is not written by tokens of digits alone.
        """
        writers = self._writers(decode)
        digits = [match.start() for match in _DIGIT.finditer(text)]
        whole = 1.0
        for number, (start, end) in enumerate(place.spans):
            first, last = np.searchsorted(digits, [start, end])
            indices = writers[first:last]
            written = text[start:end]
            if not indices or len(indices) != last - first or not _PLAIN.fullmatch(written):
                return None
            tokens = list(dict.fromkeys(indices))
            within = [index in self._logs and indices.count(index) == writers.count(index) for index in tokens]
            if not all(within):
                return None
            whole *= self._near(written, tokens, place.tolerance[number % 2])
        return min(whole, 1.0) if place.spans else None

    def _writers(self, decode: Callable[[Sequence[int]], str]) -> list[int]:
        """Return the index of the token that wrote each ASCII digit of the answer.

        Digits are one byte each in UTF-8, so counting them needs no token to hold whole characters.
        """
        counts = [len(_DIGIT.findall(decode([token]))) for token in self._tokens]
        return [index for index, count in enumerate(counts) for _ in range(count)]

    def _near(self, written: str, indices: Sequence[int], tolerance: float) -> float:
        """Return the probability of a number within the tolerance of the written one.

        It may leave the written digits at any token. What would follow then is unknown: as many digits as were written
        there, and the number counts if the nearest of them is within the tolerance.
        """
        digits = re.sub("[^0-9]", "", written)
        decimals = len(written) - written.index(".") - 1 if "." in written else 0
        value = int(digits) / 10**decimals
        lengths = [int(self._numbers.lengths[self._numbers.places[self._tokens[index]]]) for index in indices]
        total, path = 0.0, 1.0
        for index, length, end in zip(indices, lengths, accumulate(lengths), strict=True):
            shares = np.exp(np.asarray(self._logs[index]))
            own = self._numbers.places[self._tokens[index]]
            left = len(digits) - end
            beginning, after_point = int(digits[: end - length] or 0), left < decimals
            scale = np.array(10.0**-decimals)
            if after_point:  # a longer or shorter token before the point moves nothing behind it
                scale = scale * 10.0**length / self._numbers.powers
            low = (beginning * self._numbers.powers + self._numbers.values) * (10**left * scale)
            near = (low <= value + tolerance + 1e-9) & (low + (10**left - 1) * scale >= value - tolerance - 1e-9)
            near[own] = False
            total += path * float(shares[near].sum(dtype=np.float64))
            path *= float(shares[own])
        return total + path


def observe_rows(recorders: Sequence[TokenRecorder]) -> Observer:
    """Return an observer of `Model.stream_rows` that gives each row's tokens to its recorder."""
    return lambda row, token, logits: recorders[row].add(token, logits)
