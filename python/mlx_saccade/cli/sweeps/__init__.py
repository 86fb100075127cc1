"""The actions of `mlx-saccade sweep`, one file each."""
