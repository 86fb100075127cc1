"""Batches: generated screens of one grid size, several questions each, and the dense labels of the image tokens."""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

import vocabulary
from geometry import Questions
from saccade.scenes import COLOURS, KINDS, Element, generate
from saccade.scenes.words import CONTAINERS

TOKEN: Final = 28
LEAST_SIDE: Final = 8.0
ASPECTS: Final = (4 / 3, 1.6, 16 / 9, 16 / 9, 2.0, 1.0, 0.75, 9 / 16)
# Seeds below this are held out: evaluation and the demo use them, training never does.
FIRST_TRAINING_SEED: Final = 1_000_000

TOKENIZER: Final = vocabulary.build()
PAD: Final = TOKENIZER.token_to_id("<|endoftext|>")
PREFIX: Final = tuple(TOKENIZER.encode(vocabulary.prompt_before_image()).ids)
CLOSING: Final = TOKENIZER.token_to_id("<|vision_end|>")
# Most blocks end before the fourth number, all there is to learn but the form; some batches have whole answers.
SHORT: Final = Questions(len(PREFIX), 8, 17)
WHOLE: Final = Questions(len(PREFIX), 6, 24)
WHOLE_EVERY: Final = 8
# Where the model reads (x1, y1), (x2, y2): the tokens before each of the four numbers.
NUMBER_STEP: Final = 2
LABELS: Final = {f"the {c} {k}": i for i, (c, k) in enumerate((c, k) for c in COLOURS for k in KINDS)}


@dataclass
class Batch:
    """B images of `rows` x `columns` tokens, Q questions each, N tokens an image.

    images: uint8 [B, H, W, 3]. tokens: [B, 1 + text] without the image. boxes: float [B, Q, 4] in model pixels.
    pointing: [B, Q, 4] offset in the text of the token before each number. asked: [B, Q], 0 where a block is unused.
    targets: [B, text] next tokens for the plain loss, -1 where there is none.
    edges: bool [B, Q, 4, N]. kinds: [B, N, K]. distances: [B, N, 8]. covered: [B, N, 2].
    """

    rows: int
    columns: int
    layout: Questions
    images: Tensor
    tokens: Tensor
    boxes: Tensor
    pointing: Tensor
    asked: Tensor
    targets: Tensor
    edges: Tensor
    kinds: Tensor
    distances: Tensor
    covered: Tensor


@lru_cache(maxsize=4096)
def encode(text: str) -> tuple[int, ...]:
    return tuple(TOKENIZER.encode(text).ids)


def fit(image: Image.Image, elements: tuple[Element, ...], size: tuple[int, int]) -> tuple[Image.Image, np.ndarray]:
    """Shrink a screen as the processor does; boxes come back as float [n, 4] in pixels of the new size."""
    scale = np.array([size[0] / image.width, size[1] / image.height] * 2)
    boxes = np.array([element.box for element in elements], dtype=np.float64).reshape(-1, 4) * scale
    return image.resize(size, Image.Resampling.BICUBIC), boxes


def _overlap(low: np.ndarray, high: np.ndarray, cells: int) -> np.ndarray:
    """[n, cells] pixels that each span shares with each row (or column) of tokens."""
    start = np.arange(cells)[None] * TOKEN
    shared = np.minimum(high[:, None], start + TOKEN) - np.maximum(low[:, None], start)
    return np.clip(shared, 0, None)


def squeeze(distance: np.ndarray) -> np.ndarray:
    """Compress signed distances in pixels, so that far edges do not drown near ones."""
    return np.sign(distance) * np.log1p(np.abs(distance) / TOKEN)


def dense_labels(boxes: np.ndarray, elements: tuple[Element, ...], rows: int, columns: int) -> dict[str, np.ndarray]:
    """What each token shows: the kinds that touch it, and the edges of the element and of the container on it."""
    tall, wide = _overlap(boxes[:, 1], boxes[:, 3], rows), _overlap(boxes[:, 0], boxes[:, 2], columns)
    cover = (tall[:, :, None] * wide[:, None]).reshape(len(boxes), -1)
    kinds = np.zeros((rows * columns, len(LABELS)), np.float32)
    for element, area in zip(elements, cover, strict=True):
        kinds[area > 0, LABELS[element.description]] = 1
    y, x = (np.indices((rows, columns)).reshape(2, -1) + 0.5) * TOKEN
    inside = np.array([element.kind in CONTAINERS for element in elements])
    distances, covered = np.zeros((rows * columns, 8), np.float32), np.zeros((rows * columns, 2), np.float32)
    for side, chosen in enumerate((~inside, inside)):
        if chosen.any():
            best = boxes[chosen][cover[chosen].argmax(0)]
            away = np.stack([x - best[:, 0], y - best[:, 1], best[:, 2] - x, best[:, 3] - y], 1)
            distances[:, 4 * side : 4 * side + 4] = squeeze(away)
            covered[:, side] = cover[chosen].max(0) > 0
    return {"kinds": kinds, "distances": distances, "covered": covered}


def edge_tokens(box: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """bool [4, rows * columns]: the tokens along the left, top, right and bottom edge of a box."""
    left, top = int(box[0] // TOKEN), int(box[1] // TOKEN)
    right, bottom = min(columns - 1, math.ceil(box[2] / TOKEN) - 1), min(rows - 1, math.ceil(box[3] / TOKEN) - 1)
    marks = np.zeros((4, rows, columns), bool)
    marks[0, top : bottom + 1, left] = True
    marks[1, top, left : right + 1] = True
    marks[2, top : bottom + 1, right] = True
    marks[3, bottom, left : right + 1] = True
    return marks.reshape(4, -1)


def question(box: np.ndarray, description: str, length: int) -> tuple[list[int], list[int], int]:
    """One block: tokens, next tokens (-1 where none is taught), and the offset of the token before x1."""
    rounded = [round(float(v)) for v in box]
    asked = encode(vocabulary.prompt_after_image(description))
    said = encode(vocabulary.answer((rounded[0], rounded[1], rounded[2], rounded[3]), description))
    whole = (asked + said)[: length + 1]
    following = [-1] * (len(asked) - 1) + list(whole[len(asked) :])
    for number in range(4):
        following[len(asked) + NUMBER_STEP * number] = -1  # numbers have their own, smooth loss
    tokens = list(whole[:-1]) if len(whole) > len(following) else list(whole)
    padding = length - len(tokens)
    return tokens + [PAD] * padding, following + [-1] * (length - len(following)), len(asked)


Screen = tuple[np.ndarray, tuple[Element, ...], np.ndarray]


def draw_screen(rng: np.random.Generator, rows: int, columns: int) -> Screen:
    """Generate a screen above the size of the model's image and shrink it to that: pixels, elements, boxes [n, 4]."""
    zoom = rng.uniform(1.4, 2.6)
    size = round(columns * TOKEN * zoom), round(rows * TOKEN * zoom)
    smallest = min(round(math.exp(rng.uniform(math.log(7), math.log(20))) * zoom), min(size) // 6)
    scene = generate(int(rng.integers(FIRST_TRAINING_SEED, 2**40)), size, smallest=max(4, smallest))
    image, boxes = fit(Image.fromarray(scene.image), scene.elements, (columns * TOKEN, rows * TOKEN))
    return np.asarray(image), scene.elements, boxes


def pack(
    rng: np.random.Generator, screens: list[Screen], rows: int, columns: int, least_side: float, layout: Questions
) -> Batch:
    """Ask about screens that share one grid; only elements of at least `least_side` model pixels both ways."""
    collected: dict[str, list[np.ndarray]] = {f.name: [] for f in fields(Batch)[3:]}
    for pixels, elements, boxes in screens:
        dense = dense_labels(boxes, elements, rows, columns)
        asked = ask(rng, boxes, elements, rows, columns, least_side, layout)
        for name, value in ({"images": pixels} | dense | asked).items():
            collected[name].append(value)
    return Batch(rows, columns, layout, **{name: torch.from_numpy(np.stack(v)) for name, v in collected.items()})


def make_batch(rng: np.random.Generator, rows: int, columns: int, images: int, layout: Questions = SHORT) -> Batch:
    """Generate `images` screens with their questions and labels."""
    screens = [draw_screen(rng, rows, columns) for _ in range(images)]
    return pack(rng, screens, rows, columns, LEAST_SIDE, layout)


def ask(
    rng: np.random.Generator,
    boxes: np.ndarray,
    elements: tuple[Element, ...],
    rows: int,
    columns: int,
    least_side: float,
    layout: Questions,
) -> dict[str, np.ndarray]:
    """Choose questions about one screen and lay out their tokens and labels."""
    sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    order = [int(i) for i in rng.permutation(len(boxes)) if sides[i] >= least_side][: layout.count]
    tokens, targets = [*PREFIX, CLOSING], [-1] * (len(PREFIX) + 1)
    asked, chosen = np.zeros(layout.count, np.float32), np.zeros((layout.count, 4), np.float32)
    pointing, edges = np.zeros((layout.count, 4), np.int64), np.zeros((layout.count, 4, rows * columns), bool)
    for place in range(layout.count):
        start = len(tokens)
        if place >= len(order):
            tokens, targets = tokens + [PAD] * layout.length, targets + [-1] * layout.length
            continue
        box = boxes[order[place]]
        block, following, first = question(box, elements[order[place]].description, layout.length)
        tokens, targets = tokens + block, targets + following
        pointing[place] = start + first + np.arange(4) * NUMBER_STEP
        asked[place], chosen[place], edges[place] = 1, box, edge_tokens(box, rows, columns)
    return {
        "tokens": np.array(tokens), "targets": np.array(targets), "asked": asked, "boxes": chosen,
        "pointing": pointing, "edges": edges,
    }  # fmt: skip


def draw_grid(rng: np.random.Generator, fewest: int, most: int) -> tuple[int, int]:
    """Choose (rows, columns): the amount of tokens log-uniform, the aspect that of a screen."""
    while True:
        area = math.exp(rng.uniform(math.log(fewest), math.log(most + 1)))
        aspect = ASPECTS[int(rng.integers(len(ASPECTS)))]
        rows, columns = math.floor(math.sqrt(area / aspect)), math.floor(math.sqrt(area * aspect))
        if rows >= 3 and columns >= 3 and fewest * 0.8 <= rows * columns <= most:
            return rows, columns


class Screens(IterableDataset[Batch]):
    """Endless batches; batch k depends on (seed, k, schedule) alone, so that a resumed run sees what it would have."""

    def __init__(self, seed: int, first: int, last: int, schedule: "Schedule") -> None:
        self.seed, self.first, self.last, self.schedule = seed, first, last, schedule

    def __iter__(self) -> Iterator[Batch]:
        for step in range(self.first, self.last):
            rng = np.random.default_rng([self.seed, step])
            fewest, most = self.schedule.tokens(step)
            rows, columns = draw_grid(rng, fewest, most)
            images = max(2, min(self.schedule.most_images, round(self.schedule.image_tokens / (rows * columns))))
            yield make_batch(rng, rows, columns, images, SHORT if step % WHOLE_EVERY else WHOLE)


@dataclass(frozen=True)
class Schedule:
    """How sizes and rates go over a run of `steps` batches; `phases` are (until this share, fewest, most tokens)."""

    steps: int
    phases: tuple[tuple[float, int, int], ...]
    image_tokens: int
    most_images: int = 16

    def tokens(self, step: int) -> tuple[int, int]:
        """Fewest and most merged tokens an image may have at this step."""
        share = step / self.steps
        for until, fewest, most in self.phases:
            if share < until:
                return fewest, most
        return self.phases[-1][1:]
