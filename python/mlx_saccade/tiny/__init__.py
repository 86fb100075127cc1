"""The packaged checkpoint: what it was taught to answer, and how well it does on held-out generated screens."""

from mlx_saccade.tiny.evaluation import evaluate, missing, scenes_for, units_of
from mlx_saccade.tiny.journal import Journal
from mlx_saccade.tiny.measure import PARTS
from mlx_saccade.tiny.sitting import Sitting
from mlx_saccade.tiny.summary import summarise
from mlx_saccade.tiny.workers import alone, together

__all__ = [
    "PARTS",
    "Journal",
    "Sitting",
    "alone",
    "evaluate",
    "missing",
    "scenes_for",
    "summarise",
    "together",
    "units_of",
]
