"""The dashboard: a static site of latency, accuracy, runtimes, history and peers."""

from mlx_saccade.dashboard.site import Site, build, index_of

__all__ = ["Site", "build", "index_of"]
