"""Policies: how the tokens of a question are spent, such as a coarse pass and a second one over a crop."""

from mlx_saccade.policies.zoom import ZoomAnswer, crop_around, locate_with_zoom
from mlx_saccade.policies.zoom import second_look as second_look

__all__ = ["ZoomAnswer", "crop_around", "locate_with_zoom"]
