"""The evaluation of the packaged checkpoint on held-out generated screens."""

from mlx_saccade.evals.tiny.evaluate import Unit, evaluate, missing, open_run, scenes_for, units_of
from mlx_saccade.evals.tiny.measure import PARTS
from mlx_saccade.evals.tiny.summary import summarize
from mlx_saccade.evals.tiny.workers import parallel, serial

__all__ = [
    "PARTS",
    "Unit",
    "evaluate",
    "missing",
    "open_run",
    "parallel",
    "scenes_for",
    "serial",
    "summarize",
    "units_of",
]
