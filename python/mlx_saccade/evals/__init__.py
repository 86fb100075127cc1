"""Accuracy and latency by budget, measured on screens with known boxes."""

from mlx_saccade.evals.bootstrap import interval
from mlx_saccade.evals.metrics import BINS, bin_of, iou, share_of
from mlx_saccade.evals.runs import RunLog
from mlx_saccade.evals.summary import Cell, summarize
from mlx_saccade.evals.sweep import Record, Setup, choose_targets, measure, open_run, read_run

__all__ = [
    "BINS",
    "Cell",
    "Record",
    "RunLog",
    "Setup",
    "bin_of",
    "choose_targets",
    "interval",
    "iou",
    "measure",
    "open_run",
    "read_run",
    "share_of",
    "summarize",
]
