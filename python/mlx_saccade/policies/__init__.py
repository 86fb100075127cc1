"""How the tokens of a question are spent: in one look, or in a coarse look and a second one at what it found."""

from mlx_saccade.policies.zoom import ZoomAnswer, crop_around, locate_with_zoom, second_look

__all__ = ["ZoomAnswer", "crop_around", "locate_with_zoom", "second_look"]
