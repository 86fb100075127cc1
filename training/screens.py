"""Draw screens, crop them and resize them to a grid; each is drawn once and used several times."""

import math
import sys
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from mlx_saccade.preprocess.patchify import resize
from mlx_saccade.scenes import Scene, generate
from questions import View

TOKEN: Final = 28
Box = tuple[int, int, int, int]
ASPECTS: Final = (16 / 9, 4 / 3, 21 / 9, 16 / 9, 21 / 9, 1.0, 1.6, 0.6, 21 / 9, 0.5)
# Seeds below this are held out: evaluation and the demo use them, training never does.
FIRST_TRAINING_SEED: Final = 1_000_000
AREA: Final = (0.6e6, 8.3e6)
# Of each shape so many screens are alive at a time, and each stays for so many steps: it is used some four times.
POOL: Final = 8
STAY: Final = 50
# Share of screens with larger and fewer elements than the generator gives by itself, which has at least so many.
LARGER: Final = 0.2
LEAST: Final = 20
# Processes that train side by side draw from different lanes, so that none draws what another has drawn: there are at
# most so many.
LANES: Final = 8


def view(scene: Scene, size: tuple[int, int], part: Box | None = None) -> View:
    """Resize a screen, or a `part` of it in its pixels, to `size` as the processor does."""
    elements = scene.elements
    x1, y1, x2, y2 = part or (0, 0, *scene.size)
    scale = np.array([size[0] / (x2 - x1), size[1] / (y2 - y1)] * 2)
    boxes = (np.array([e.box for e in elements], np.float64).reshape(-1, 4) - [x1, y1, x1, y1]) * scale
    clipped = np.clip(boxes, 0, [*size, *size])
    shown = (clipped[:, 2:] - clipped[:, :2] > 0.5).all(1)
    return View(
        scene,
        resize(scene.image[y1:y2, x1:x2], size),
        tuple(e for e, kept in zip(elements, shown, strict=True) if kept),
        clipped[shown],
        (np.abs(clipped - boxes) < 1e-6).all(1)[shown],
        tuple(e.description for e, kept in zip(elements, shown, strict=True) if not kept and not e.relation),
        part is not None,
    )


@lru_cache(maxsize=2 * POOL * len(ASPECTS))
def drawn(number: int) -> Scene:
    """Return screen `number` of the training set; its size and its content follow from the number."""
    rng = np.random.default_rng([number, 77])
    aspect = ASPECTS[number % len(ASPECTS)]
    area = math.exp(rng.uniform(*np.log(AREA)))
    size = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
    smallest, least = None, LEAST
    if rng.random() < LARGER:
        smallest = max(8, round(min(size) * math.exp(rng.uniform(math.log(0.012), math.log(0.07)))))
        least = int(rng.integers(6, LEAST + 1))
    return generate(FIRST_TRAINING_SEED + number, size, smallest=smallest, least=least)


def _part(rng: np.random.Generator, scene: Scene, size: tuple[int, int]) -> Box:
    """Choose a rectangle of the shape of `size` on the screen, not smaller than two thirds of that."""
    width, height = scene.size
    largest = min(width / size[0], height / size[1])
    zoom = math.exp(rng.uniform(math.log(min(0.67, largest)), math.log(0.9 * largest)))
    w, h = min(width, round(size[0] * zoom)), min(height, round(size[1] * zoom))
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    return x, y, x + w, y + h


def draw(rng: np.random.Generator, step: int, lane: int, aspect: int, size: tuple[int, int], cropped: float) -> View:
    """Return one of the screens in use at this step, of one shape, whole or in part; every lane has its own."""
    row = step // (STAY // POOL) + int(rng.integers(POOL))
    scene = drawn((row * LANES + lane) * len(ASPECTS) + aspect)
    part = _part(rng, scene, size) if rng.random() < cropped else None
    return view(scene, size, part)


def simple(rng: np.random.Generator, size: tuple[int, int]) -> View:
    """Return a screen of few and large elements, drawn for a small grid."""
    zoom = rng.uniform(1.3, 2.4)
    whole = round(size[0] * zoom), round(size[1] * zoom)
    smallest = min(round(zoom * math.exp(rng.uniform(math.log(9), math.log(24)))), min(whole) // 4)
    seed, least = int(rng.integers(FIRST_TRAINING_SEED, 2**40)), int(rng.integers(4, 13))
    return view(generate(seed, whole, smallest=smallest, least=least), size)


def strip(rng: np.random.Generator, rows: int, columns: int) -> View:
    """Return a long strip, so that large numbers are answers too."""
    zoom = rng.uniform(1.0, 1.3)
    size = round(columns * TOKEN * zoom), round(rows * TOKEN * zoom)
    smallest = int(rng.uniform(8, min(size) // 4))
    scene = generate(int(rng.integers(FIRST_TRAINING_SEED, 2**40)), size, smallest=smallest)
    return view(scene, (columns * TOKEN, rows * TOKEN))
