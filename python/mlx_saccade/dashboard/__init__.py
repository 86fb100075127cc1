"""One self-contained page that shows what a sweep found."""

from mlx_saccade.dashboard.charts import render

__all__ = ["render"]
