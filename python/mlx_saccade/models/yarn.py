"""YaRN (arXiv 2309.00071): rotary frequencies for prompts longer than those of the training, as transformers has them.

A frequency that turns often within the trained length stays; one that turns less than once is divided by `factor`;
those between are mixed by a linear ramp (section 3.2). Cosine and sine are multiplied by the attention factor
(section 3.4). Follows `_compute_yarn_parameters` of transformers 5.24.0.
"""

from __future__ import annotations

import functools
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["YARN_KEYS", "Yarn", "attention_factor"]

_SMALLEST_RAMP = 0.001  # where both ends of the ramp are one dimension

YARN_KEYS = frozenset(
    {
        *("factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow"),
        *("mscale", "mscale_all_dim", "truncate"),
    }
)


@dataclass(frozen=True)
class Yarn:
    """The values of a YaRN table.

    Attributes:
        factor: ratio of the new length to the trained one.
        original_max_position_embeddings: trained length in positions.
        attention_factor: factor on cosine and sine.
        beta_fast: turns within the trained length from which a frequency stays.
        beta_slow: turns below which a frequency is divided by `factor`.
        truncate: True if the ends of the ramp are whole dimensions.
    """

    factor: float
    original_max_position_embeddings: float
    attention_factor: float
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return the table for config.json, without the sections."""
        return {"type": "yarn", **asdict(self)}

    @functools.lru_cache(maxsize=8)  # noqa: B019, frozen and few
    def frequencies(self, head_dim: int, theta: float) -> np.ndarray:
        """Return the frequencies, float32 [d/2].

        Args:
            head_dim: d.
            theta: base of the frequencies, above 1.
        """
        steps = np.float32(theta) ** (np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim))
        stays = 1 - self._ramp(head_dim, theta)
        kept, divided = 1 / steps, 1 / (np.float32(self.factor) * steps)
        mixed: np.ndarray = divided * (1 - stays) + kept * stays
        return mixed.astype(np.float32)

    def _ramp(self, head_dim: int, theta: float) -> np.ndarray:
        """Return the share of the divided frequency, float32 [d/2]."""
        low, high = (self._dimension(turns, head_dim, theta) for turns in (self.beta_fast, self.beta_slow))
        if self.truncate:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, head_dim - 1)
        if low == high:
            high += _SMALLEST_RAMP
        dimensions = np.arange(head_dim // 2, dtype=np.float32)
        ramp: np.ndarray = np.clip((dimensions - np.float32(low)) / np.float32(high - low), 0, 1)
        return ramp

    def _dimension(self, turns: float, head_dim: int, theta: float) -> float:
        """Return the dimension whose frequency turns so often within the trained length."""
        length = self.original_max_position_embeddings
        return head_dim * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(theta))


def attention_factor(factor: float, mscale: float = 0.0, mscale_all_dim: float = 0.0) -> float:
    """Return the attention factor of a table without one; both scales count only together."""
    if mscale and mscale_all_dim:
        return _scale(factor, mscale) / _scale(factor, mscale_all_dim)
    return _scale(factor, 1.0)


def _scale(factor: float, mscale: float) -> float:
    return 0.1 * mscale * math.log(factor) + 1.0 if factor > 1 else 1.0
