"""Reads what a model meant: boxes, points and actions in the source image's pixels, and times of a film."""

from mlx_saccade.grounding.actions import Action
from mlx_saccade.grounding.boxes import Box, center_inside, iou
from mlx_saccade.grounding.boxes import to_source as to_source
from mlx_saccade.grounding.frames import Rejected
from mlx_saccade.grounding.points import Point
from mlx_saccade.grounding.reader import GroundedText, read
from mlx_saccade.grounding.reader import read_raw as read_raw
from mlx_saccade.grounding.times import TimeSpan, read_times
from mlx_saccade.grounding.times import on_film as on_film

__all__ = [
    "Action", "Box", "GroundedText", "Point", "Rejected", "TimeSpan", "center_inside", "iou", "read", "read_times"
]  # fmt: skip
