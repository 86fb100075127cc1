"""Times saccade on this machine, beside what it replaces."""

from mlx_saccade.bench.preprocess import Comparison, compare

__all__ = ["Comparison", "compare"]
