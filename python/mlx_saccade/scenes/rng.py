"""The one source of chance of a screen."""

import math
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Chance from a text key.

    Everything is derived from `random.Random.random`, whose sequence Python keeps across versions; it is also many
    times faster a draw than a NumPy generator, and a screen takes hundreds of draws.
    """

    def __init__(self, key: str) -> None:
        # Reproducible drawings, nothing to keep secret.
        self.random = random.Random(key).random

    def chance(self, share: float) -> bool:
        """Return True in this share of cases."""
        return self.random() < share

    def integer(self, low: int, high: int) -> int:
        """Draw a whole number from `low` to `high`, both included; `low` where there is none."""
        return low + int(self.random() * (high - low + 1)) if high > low else low

    def uniform(self, low: float, high: float) -> float:
        """Draw a number from `low` to `high`."""
        return low + (high - low) * self.random()

    def log_uniform(self, low: float, high: float) -> float:
        """Draw a size whose logarithm is uniform, so that every scale is equally common; `low` where none fits."""
        return low if high <= low else math.exp(self.uniform(math.log(low), math.log(high)))

    def choose(self, options: Sequence[T]) -> T:
        """Draw one of the options."""
        return options[int(self.random() * len(options))]

    def weighted(self, options: dict[T, float]) -> T:
        """Draw one of the keys, each as often as its weight says."""
        point = self.random() * sum(options.values())
        for option, weight in options.items():
            point -= weight
            if point < 0:
                return option
        return next(reversed(options))
