"""The packaged checkpoint: what it was taught to answer, and how well it does on held-out generated screens."""

from saccade.tiny.evaluation import digest, evaluate, scenes_for
from saccade.tiny.journal import Journal
from saccade.tiny.sitting import Sitting
from saccade.tiny.summary import summarise

__all__ = ["Journal", "Sitting", "digest", "evaluate", "scenes_for", "summarise"]
