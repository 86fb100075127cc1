"""The packaged checkpoint: what it was taught to answer, and how well it does on held-out generated screens."""

from mlx_saccade.engine.shared_image import Sitting
from mlx_saccade.evals.tiny.evaluate import RunLog, evaluate, missing, scenes_for, units_of
from mlx_saccade.evals.tiny.measure import PARTS
from mlx_saccade.evals.tiny.summary import summarize
from mlx_saccade.evals.tiny.workers import alone, together

__all__ = [
    "PARTS",
    "RunLog",
    "Sitting",
    "alone",
    "evaluate",
    "missing",
    "scenes_for",
    "summarize",
    "together",
    "units_of",
]
