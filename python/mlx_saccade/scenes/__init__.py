"""Generated desktop-like screens with exact annotations, the training and test data of the packaged checkpoint.

Example:
    scene = mlx_saccade.scenes.generate(7, size=(1920, 1080))
    scene.elements[0].description, scene.elements[0].box
"""

from .descriptions import COLORS, KINDS
from .descriptions import NEUTRALS as NEUTRALS
from .descriptions import WORDS as WORDS
from .descriptions import describe as describe
from .generator import annotate, generate
from .scene import VERSION as VERSION
from .scene import Ambiguity as Ambiguity
from .scene import Element, Scene

__all__ = ["COLORS", "KINDS", "Element", "Scene", "annotate", "generate"]
