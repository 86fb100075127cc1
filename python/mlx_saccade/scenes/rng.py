"""The random numbers of a screen."""

import math
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Rng:
    """A random number generator seeded by a text key.

    Every draw derives from `random.Random.random`, whose sequence Python keeps across versions. It is also much faster
    per draw than a NumPy generator, and a screen takes hundreds of draws.
    """

    def __init__(self, key: str) -> None:
        # For reproducible drawings; nothing here is secret.
        self.random = random.Random(key).random

    def chance(self, share: float) -> bool:
        """Return True with probability `share`."""
        return self.random() < share

    def integer(self, low: int, high: int) -> int:
        """Draw a whole number from `low` to `high`, both included; `low` if the range is empty."""
        return low + int(self.random() * (high - low + 1)) if high > low else low

    def uniform(self, low: float, high: float) -> float:
        """Draw a number from `low` to `high`."""
        return low + (high - low) * self.random()

    def log_uniform(self, low: float, high: float) -> float:
        """Draw a number whose logarithm is uniform: all scales are equally common; `low` if the range is empty."""
        return low if high <= low else math.exp(self.uniform(math.log(low), math.log(high)))

    def choose(self, options: Sequence[T]) -> T:
        """Draw one of the options."""
        return options[int(self.random() * len(options))]

    def weighted(self, options: dict[T, float]) -> T:
        """Draw one of the keys, with probabilities in proportion to the weights."""
        point = self.random() * sum(options.values())
        for option, weight in options.items():
            point -= weight
            if point < 0:
                return option
        return next(reversed(options))
