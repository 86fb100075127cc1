"""The commands of `mlx-saccade`, one module each; none imports another."""
