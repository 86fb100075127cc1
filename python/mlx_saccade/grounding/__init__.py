"""Reads boxes out of a model's answer, in the source image's pixels."""

from mlx_saccade.grounding.boxes import Box, center_inside, read, read_raw, to_source

__all__ = ["Box", "center_inside", "read", "read_raw", "to_source"]
