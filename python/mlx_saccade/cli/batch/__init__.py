"""Batches of `mlx-saccade locate`: their items, their run, and the file that a stopped one resumes from."""
