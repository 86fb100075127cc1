"""Benchmarks of saccade on this machine, compared with what it replaces."""

from mlx_saccade.bench.preprocess import Comparison, compare

__all__ = ["Comparison", "compare"]
