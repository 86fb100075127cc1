"""Generated desktop-like screens with exact annotations: what the packaged checkpoint is trained and judged on.

Example:
    scene = mlx_saccade.scenes.generate(7, size=(1920, 1080))
    scene.elements[0].description, scene.elements[0].box
"""

from .descriptions import COLORS, KINDS, NEUTRALS, WORDS, describe
from .generator import annotate, generate
from .scene import VERSION, Ambiguity, Element, Scene

__all__ = [
    "COLORS",
    "KINDS",
    "NEUTRALS",
    "VERSION",
    "WORDS",
    "Ambiguity",
    "Element",
    "Scene",
    "annotate",
    "describe",
    "generate",
]
