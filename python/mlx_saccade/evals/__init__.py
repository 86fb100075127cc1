"""Accuracy and latency by budget and policy, measured on screens with known boxes."""

from mlx_saccade.evals.bootstrap import interval
from mlx_saccade.evals.datasets import Scenes
from mlx_saccade.evals.merging import merge
from mlx_saccade.evals.metrics import BINS, bin_of, iou, share_of
from mlx_saccade.evals.rows import Reply, Row, Runtime
from mlx_saccade.evals.run_folder import Run, RunFolder, Subject, check_same, is_run, read_run
from mlx_saccade.evals.runs import RunLog
from mlx_saccade.evals.sweep import ask_missing, questions_of
from mlx_saccade.evals.targets import DataSet, Target

__all__ = [
    "BINS",
    "DataSet",
    "Reply",
    "Row",
    "Run",
    "RunFolder",
    "RunLog",
    "Runtime",
    "Scenes",
    "Subject",
    "Target",
    "ask_missing",
    "bin_of",
    "check_same",
    "interval",
    "iou",
    "is_run",
    "merge",
    "questions_of",
    "read_run",
    "share_of",
]
