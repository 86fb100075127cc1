"""Parts of `mlx-saccade bench`: a measured profile, and the tables of all its actions."""
