"""Policies: how the tokens of a question are spent, such as a coarse pass and a second one over a crop.

`Engine.locate` takes the names registered here, as in `engine.locate(image, words, policy="search", max_looks=12)`.
Without a budget and a policy it takes `auto`.
"""

from mlx_saccade.engine.policy import DEFAULT as DEFAULT
from mlx_saccade.engine.policy import choose, listing, names, parse, register
from mlx_saccade.policies.auto import auto
from mlx_saccade.policies.checking import check
from mlx_saccade.policies.flat import flat
from mlx_saccade.policies.search import search
from mlx_saccade.policies.size_gated import size_gated
from mlx_saccade.policies.slicing import slicing
from mlx_saccade.policies.two_pass import two_pass
from mlx_saccade.policies.ui_zoomer import ui_zoomer
from mlx_saccade.policies.zoom import ZoomAnswer, crop_around, locate_with_zoom, zoom
from mlx_saccade.policies.zoom import second_look as second_look
from mlx_saccade.policies.zoom_click import zoom_click
from mlx_saccade.policies.zoom_in_out import zoom_in_out

__all__ = [
    "ZoomAnswer",
    "auto",
    "check",
    "choose",
    "crop_around",
    "flat",
    "listing",
    "locate_with_zoom",
    "names",
    "parse",
    "register",
    "search",
    "size_gated",
    "slicing",
    "two_pass",
    "ui_zoomer",
    "zoom",
    "zoom_click",
    "zoom_in_out",
]

register("auto", auto)
register("flat", flat)
register("zoom", zoom)
register("search", search)
register("two-pass", two_pass)
register("zoom-click", zoom_click)
register("ui-zoomer", ui_zoomer)
register("zoom-in-out", zoom_in_out)
register("slicing", slicing)
register("size-gated", size_gated)
