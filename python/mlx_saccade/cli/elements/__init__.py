"""The actions of `mlx-saccade elements`."""
