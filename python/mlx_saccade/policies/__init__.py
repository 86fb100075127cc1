"""Policies: how the tokens of a question are spent, such as a coarse pass and a second one over a crop.

`Engine.locate` takes the names registered here, as in `engine.locate(image, words, policy="search", max_looks=12)`.
"""

from mlx_saccade.engine.policy import choose, names, parse, register
from mlx_saccade.policies.flat import flat
from mlx_saccade.policies.search import search
from mlx_saccade.policies.zoom import ZoomAnswer, crop_around, locate_with_zoom, zoom
from mlx_saccade.policies.zoom import second_look as second_look

__all__ = [
    "ZoomAnswer",
    "choose",
    "crop_around",
    "flat",
    "locate_with_zoom",
    "names",
    "parse",
    "register",
    "search",
    "zoom",
]

register("flat", flat)
register("zoom", zoom)
register("search", search)
