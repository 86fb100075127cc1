"""Runtimes that answer the questions of a sweep."""

from mlx_saccade.evals.engines.in_process import InProcess

__all__ = ["InProcess"]
