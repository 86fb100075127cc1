"""Accuracy and latency against budget, measured on screens whose boxes are known."""

from mlx_saccade.evals.bootstrap import interval
from mlx_saccade.evals.summary import BINS, Cell, summarize
from mlx_saccade.evals.sweep import Record, RunLog, Setup, bin_of, chosen, iou, measure, read, share_of

__all__ = [
    "BINS",
    "Cell",
    "Record",
    "RunLog",
    "Setup",
    "bin_of",
    "chosen",
    "interval",
    "iou",
    "measure",
    "read",
    "share_of",
    "summarize",
]
