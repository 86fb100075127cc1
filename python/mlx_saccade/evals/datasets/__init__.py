"""Data sets of targets: ScreenSpot-Pro, ScreenSpot-v2, tables of one's own, and generated screens."""

from mlx_saccade.evals.datasets.boxes import BOX_FORMATS
from mlx_saccade.evals.datasets.description import describe
from mlx_saccade.evals.datasets.file_set import FileDataSet
from mlx_saccade.evals.datasets.opening import FORMATS, open_data
from mlx_saccade.evals.datasets.scenes import Scenes, choose_targets

__all__ = ["BOX_FORMATS", "FORMATS", "FileDataSet", "Scenes", "choose_targets", "describe", "open_data"]
