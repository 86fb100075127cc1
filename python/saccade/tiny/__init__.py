"""The packaged checkpoint: what it was taught to answer, and how well it does on held-out generated screens."""

from saccade.tiny.evaluation import evaluate, missing, scenes_for, units_of
from saccade.tiny.journal import Journal
from saccade.tiny.measure import PARTS
from saccade.tiny.sitting import Sitting
from saccade.tiny.summary import summarise
from saccade.tiny.workers import alone, together

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
