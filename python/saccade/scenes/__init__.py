"""Generated desktop-like screens with exact annotations: what the packaged checkpoint is trained and judged on.

Example:
    scene = saccade.scenes.generate(7, size=(1920, 1080))
    scene.elements[0].description, scene.elements[0].box
"""

from .scene import VERSION, Element, Scene, generate
from .words import COLOURS, KINDS, NEUTRALS, WORDS, describe

__all__ = ["COLOURS", "KINDS", "NEUTRALS", "VERSION", "WORDS", "Element", "Scene", "describe", "generate"]
