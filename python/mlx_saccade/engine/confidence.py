"""Rate the place of an answer by the probabilities of the tokens that wrote its numbers.

The probability of one exact pixel says little: a model that knows a box well still wavers between 411 and 412. So each
number is given the probability of all numbers near it, within a quarter of the box's side, and the confidence is the
product over the place's numbers. Of the ways tried on generated screens it separates right boxes from wrong ones as
well as any, and unlike the product of the probabilities it is near the share of right boxes (benchmarks/README.md).

Probabilities are those of the model's own logits at temperature 1, before penalties, filters or a grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.backend import mx
from mlx_saccade.grounding.written import WrittenPlace
from mlx_saccade.models import Observer, log_probabilities

__all__ = ["Fork", "NumberTokens", "TokenRecorder", "observe_rows"]

_PLAIN = re.compile(r"[-+]?[0-9]*\.?[0-9]+")
# A fork this much less likely than the written token is left out: it costs as much as any other.
_LEAST = 1e-3
_DIGIT = re.compile(r"[0-9]")


@dataclass(frozen=True)
class Fork:
    """A different token of digits in the place of one of an answer.

    Attributes:
        index: of the token in the answer.
        token: id of the other.
        probability: of the answer up to there with the other token, over its numbers alone.
    """

    index: int
    token: int
    probability: float


@dataclass(frozen=True)
class _WrittenNumber:
    """A number of a place: its text, the indices of its tokens in the answer, and how far another may be off."""

    text: str
    tokens: list[int]
    tolerance: float


@dataclass(frozen=True)
class _Step:
    """One token of a number.

    Attributes:
        index: of the token in the answer.
        shares: probabilities [number tokens].
        own: of the written token.
        near: [number tokens], true where another token leads to a number near the written one.
        low: [number tokens], least number that each leads to.
        reached: probability of the number's tokens before.
        is_last: True if no digit follows.
    """

    index: int
    shares: NDArray[np.float32]
    own: float
    near: NDArray[np.bool_]
    low: NDArray[np.float64]
    reached: float
    is_last: bool


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

    def __init__(self, numbers: NumberTokens, *, every_token: bool = False) -> None:
        """Start an answer; `every_token` records the probability of each token, for `token_probability`."""
        self._numbers = numbers
        self._tokens: list[int] = []
        self._logs: dict[int, mx.array | NDArray[np.float32]] = {}
        self._own: list[mx.array | NDArray[np.float32]] | None = [] if every_token else None

    def add(self, token: int, logits: mx.array) -> None:
        """Take the next token and the logits [vocabulary] that it was chosen from."""
        if token in self._numbers.places:
            self._logs[len(self._tokens)] = log_probabilities(logits, self._numbers.ids)
        if self._own is not None:
            self._own.append(log_probabilities(logits, np.array([token])))
        self._tokens.append(token)

    def copy(self, count: int) -> TokenRecorder:
        """Return a recorder of the first `count` tokens."""
        copy = TokenRecorder(self._numbers)
        copy._tokens = self._tokens[:count]
        copy._logs = {index: logs for index, logs in self._logs.items() if index < count}
        copy._own = None if self._own is None else self._own[:count]
        return copy

    def token_probability(self) -> float | None:
        """Return the geometric mean of the tokens' probabilities in 0..1; None if they were not recorded."""
        if not self._own:
            return None
        return float(np.exp(np.mean([float(np.asarray(log)[0]) for log in self._own])))

    def confidence(self, place: WrittenPlace, text: str, decode: Callable[[Sequence[int]], str]) -> float | None:
        """Return the confidence of a place in 0..1, as `Answer.confidence` says.

        Args:
            place: in the text.
            text: of these tokens, or its beginning.
            decode: text of token ids.

        Returns:
            None if a number of the place is not written by tokens of digits alone.
        """
        numbers = self._written_numbers(place, text, decode)
        if not numbers:
            return None
        whole = 1.0
        for number in numbers:
            steps = list(self._steps(number))
            near = sum(step.reached * float(step.shares[step.near].sum(dtype=np.float64)) for step in steps)
            whole *= near + steps[-1].reached * steps[-1].own
        return min(whole, 1.0)

    def forks(self, place: WrittenPlace, text: str, decode: Callable[[Sequence[int]], str], count: int) -> list[Fork]:
        """Return where a place's numbers could have been others, far from the written ones, the most likely first.

        Args:
            place: in the text.
            text: of these tokens, or its beginning.
            decode: text of token ids.
            count: most forks.
        """
        forks, reached = [], 1.0
        for number in self._written_numbers(place, text, decode):
            for step in self._steps(number):
                shares = np.where(step.near, 0, step.shares)
                shares[self._numbers.places[self._tokens[step.index]]] = 0
                for _ in range(count):
                    best = int(shares.argmax())
                    if not shares[best]:
                        break
                    # Whole numbers near each other are one fork; of digits that more must follow, each is its own.
                    group = np.abs(step.low - step.low[best]) <= (number.tolerance if step.is_last else 0)
                    share = float(shares[group].sum())
                    shares[group] = 0
                    if share >= _LEAST * step.own:
                        forks.append(Fork(step.index, int(self._numbers.ids[best]), reached * step.reached * share))
            reached *= step.reached * step.own
        return sorted(forks, key=lambda fork: -fork.probability)[:count]

    def _written_numbers(
        self, place: WrittenPlace, text: str, decode: Callable[[Sequence[int]], str]
    ) -> list[_WrittenNumber]:
        """Return the numbers of a place with their tokens; none if one has not tokens of digits alone."""
        writers = self._writers(decode)
        digits = [match.start() for match in _DIGIT.finditer(text)]
        numbers = []
        for number, (start, end) in enumerate(place.spans):
            first, last = np.searchsorted(digits, [start, end])
            indices = writers[first:last]
            if not indices or len(indices) != last - first or not _PLAIN.fullmatch(text[start:end]):
                return []
            tokens = list(dict.fromkeys(indices))
            if any(index not in self._logs or indices.count(index) != writers.count(index) for index in tokens):
                return []
            numbers.append(_WrittenNumber(text[start:end], tokens, place.tolerance[number % 2]))
        return numbers

    def _writers(self, decode: Callable[[Sequence[int]], str]) -> list[int]:
        """Return the index of the token that wrote each ASCII digit of the answer.

        Digits are one byte each in UTF-8, so counting them needs no token to hold whole characters.
        """
        counts = [len(_DIGIT.findall(decode([token]))) for token in self._tokens]
        return [index for index, count in enumerate(counts) for _ in range(count)]

    def _steps(self, number: _WrittenNumber) -> Iterator[_Step]:
        """Yield the steps of a number, token by token.

        It may leave the written digits at any of them. What would follow then is unknown: as many digits as were
        written there, and the number is near if the nearest of those is within the tolerance.
        """
        table, written = self._numbers, number.text
        digits = re.sub("[^0-9]", "", written)
        decimals = len(written) - written.index(".") - 1 if "." in written else 0
        value = int(digits) / 10**decimals
        end, reached = 0, 1.0
        for index in number.tokens:
            own = table.places[self._tokens[index]]
            length = int(table.lengths[own])
            end += length
            beginning, left = int(digits[: end - length] or 0), len(digits) - end
            scale = np.array(10.0**-decimals)
            if left < decimals:  # a longer or shorter token before the point moves nothing behind it
                scale = scale * 10.0**length / table.powers
            low = (beginning * table.powers + table.values) * (10**left * scale)
            high = low + (10**left - 1) * scale
            near = (low <= value + number.tolerance + 1e-9) & (high >= value - number.tolerance - 1e-9)
            near[own] = False
            shares = np.exp(np.asarray(self._logs[index]))
            yield _Step(index, shares, float(shares[own]), near, low, reached, left == 0)
            reached *= float(shares[own])


def observe_rows(recorders: Sequence[TokenRecorder]) -> Observer:
    """Return an observer of `Model.stream_rows` that gives each row's tokens to its recorder."""
    return lambda row, token, logits: recorders[row].add(token, logits)
