"""Accuracy and latency against budget, measured on screens whose boxes are known."""

from mlx_saccade.sweep.intervals import interval
from mlx_saccade.sweep.journal import Journal, read
from mlx_saccade.sweep.measure import Record, Setup, bin_of, chosen, iou, measure, share_of
from mlx_saccade.sweep.summary import BINS, Cell, summarise

__all__ = [
    "BINS",
    "Cell",
    "Journal",
    "Record",
    "Setup",
    "bin_of",
    "chosen",
    "interval",
    "iou",
    "measure",
    "read",
    "share_of",
    "summarise",
]
