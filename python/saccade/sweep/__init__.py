"""Accuracy and latency against budget, measured on screens whose boxes are known."""

from saccade.sweep.intervals import interval
from saccade.sweep.journal import Journal, read
from saccade.sweep.measure import Record, Setup, bin_of, chosen, iou, measure, share_of
from saccade.sweep.summary import BINS, Cell, summarise

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
