"""The comparison of two runs: the ratio of each stage's time with its interval, and what is slower beyond the noise.

Other work on the machine only ever makes a call longer, so a stage's time is the first quartile of its rounds. It slows
a whole run down too: where both runs timed a peer by turns, a time is divided by the peer's. The noise is measured in
the runs themselves: how much the first half of the rounds and the second differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlx_saccade.bench.run import Run
from mlx_saccade.errors import InputError
from mlx_saccade.evals.bootstrap import t_quantile

__all__ = ["MARGIN", "PEERS", "Change", "compare"]

PEERS = ("pillow", "scalar", "mlx-vlm")
"""Sides that later commits do not change; the first that both runs have is divided by."""
MARGIN = 0.05
"""Least loss that counts, as a share of the time."""
RESAMPLES, QUANTILE = 2000, 0.25


@dataclass(frozen=True)
class Change:
    """The change of a stage between two runs.

    Attributes:
        side: side of the stage.
        budget: maximum visual tokens.
        question: number of the question.
        stage: name of the stage.
        before: seconds in the first run.
        after: seconds in the second run.
        peer: side whose time both are divided by; empty if no peer is in both runs.
        ratio: after divided by before, each divided by its peer.
        low: lower end of the ratio's 95 % interval; None if a run has one round.
        high: upper end.
        noise: larger difference between the halves of either run, as a share.
    """

    side: str
    budget: int
    question: int
    stage: str
    before: float
    after: float
    peer: str
    ratio: float
    low: float | None
    high: float | None
    noise: float

    @property
    def lost(self) -> bool:
        """The whole interval is beyond the margin, and the ratio beyond the noise."""
        return self.low is not None and self.low > 1 + MARGIN and self.ratio > 1 + self.noise

    @property
    def won(self) -> bool:
        """As `lost`, for a stage that is faster."""
        return self.high is not None and self.high < 1 / (1 + MARGIN) and self.ratio < 1 / (1 + self.noise)


@dataclass(frozen=True)
class _Samples:
    """The seconds of a stage in one run, and those of its peer in the same rounds; ones without a peer."""

    own: NDArray[np.float64]
    peer: NDArray[np.float64]

    def value(self) -> float:
        """Return the time of the stage, divided by the peer's."""
        return float(np.quantile(self.own, QUANTILE) / np.quantile(self.peer, QUANTILE))

    def draws(self, random: np.random.RandomState) -> NDArray[np.float64]:
        """Return `value` of rounds drawn with replacement, those of both sides together."""
        rounds = random.randint(0, len(self.own), (RESAMPLES, len(self.own)))
        times = [np.quantile(one[rounds], QUANTILE, axis=1) for one in (self.own, self.peer)]
        values: NDArray[np.float64] = times[0] / times[1]
        return values

    def drift(self) -> float:
        """Return how much the halves of the rounds differ, as a share; 0 for a single round."""
        half = len(self.own) // 2
        if not half:
            return 0.0
        first, second = (
            _Samples(self.own[rounds], self.peer[rounds]).value() for rounds in (slice(half), slice(half, None))
        )
        return max(first / second, second / first) - 1


@dataclass(frozen=True)
class _Pair:
    """A stage in both runs."""

    side: str
    budget: int
    question: int
    stage: str
    peer: str
    before: _Samples
    after: _Samples


def compare(before: Run, after: Run) -> list[Change]:
    """Compare two runs, stage by stage.

    Args:
        before: the older run.
        after: the newer run.

    Returns:
        A change for each stage that both measured, in the order of `before`.

    Raises:
        InputError: they measured nothing in common, other models, or on other machines.
    """
    _check_alike(before, after)
    pairs = _pairs(before, after)
    if not pairs:
        raise InputError("compare: expected two runs with a stage in common; got none. Measure the same budgets")
    return [_change(pair) for pair in pairs]


def _check_alike(before: Run, after: Run) -> None:
    for name, first, second in (
        ("machine", before.machine.folder, after.machine.folder),
        ("device", before.machine.device, after.machine.device),
        ("model", before.model, after.model),
    ):
        if first != second:
            raise InputError(f"compare: expected runs of one {name}; got {first} and {second}. Measure both again")


def _pairs(before: Run, after: Run) -> list[_Pair]:
    runs = [{(*cell.key, stage): np.asarray(times) for cell in run.cells for stage, times in cell.stages.items()}
            for run in (before, after)]  # fmt: skip
    pairs = []
    for key in runs[0]:
        # A stage that did not run, such as the tower of a cached image, took no time.
        if key[0] in PEERS or not all(_usable(run.get(key)) for run in runs):
            continue
        peer = next((one for one in PEERS if all(_equal_rounds(run, key, one) for run in runs)), "")
        samples = [_Samples(run[key], run[(peer, *key[1:])] if peer else np.ones(len(run[key]))) for run in runs]
        pairs.append(_Pair(*key, peer, *samples))
    return pairs


def _usable(samples: NDArray[np.float64] | None) -> bool:
    return samples is not None and len(samples) > 0 and bool((samples > 0).all())


def _equal_rounds(run: dict[tuple[str, int, int, str], NDArray[np.float64]], key: Any, peer: str) -> bool:
    """Return True if a peer has a stage in the same rounds."""
    samples = run.get((peer, *key[1:]))
    return samples is not None and _usable(samples) and len(samples) == len(run[key])


def _change(pair: _Pair) -> Change:
    before, after = (float(np.quantile(one.own, QUANTILE)) for one in (pair.before, pair.after))
    low = high = None
    rounds = min(len(pair.before.own), len(pair.after.own))
    if rounds > 1:
        random = np.random.RandomState(0)
        draws = 1 / pair.before.draws(random) * pair.after.draws(random)
        # Expanded as Student's t is against the normal distribution; see `mlx_saccade.evals.bootstrap`.
        tail = NormalDist().cdf(-math.sqrt(rounds / (rounds - 1)) * t_quantile(rounds - 1))
        low, high = map(float, np.quantile(draws, [tail, 1 - tail]))
    ratio = pair.after.value() / pair.before.value()
    place = (pair.side, pair.budget, pair.question, pair.stage)
    return Change(*place, before, after, pair.peer, ratio, low, high, max(pair.before.drift(), pair.after.drift()))
