"""The results of a sweep as one self-contained HTML page."""

from mlx_saccade.dashboard.charts import render

__all__ = ["render"]
