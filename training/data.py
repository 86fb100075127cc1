"""Make batches: screens of one grid, several questions each, and the dense labels of the image tokens."""

import math
import re
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from torch import Tensor

import vocabulary
from geometry import Questions
from mlx_saccade.scenes import COLORS, KINDS, NEUTRALS
from mlx_saccade.scenes.descriptions import CONTAINERS, SURFACES
from model import OFFSETS
from questions import QuestionAnswer, View, ask
from screens import ASPECTS, TOKEN, draw, simple, strip

LEAST_SIDE: Final = 9.0
PATCH: Final = TOKEN // 2

TOKENIZER: Final = vocabulary.build()
PAD: Final = TOKENIZER.token_to_id("<|endoftext|>")
PREFIX: Final = tuple(TOKENIZER.encode(vocabulary.prompt_before_image()).ids)
CLOSING: Final = TOKENIZER.token_to_id("<|vision_end|>")
QUESTIONS: Final = 12
# Most places end before the fourth number, all there is to learn but the form; this share of batches has whole answers.
WHOLE: Final = 0.125
# Until this share of a run hard names are drilled; then they come as often as they are, or it would say a side or a
# place wherever in doubt.
DRILLED: Final = 0.75
# Strips as long as 93 tokens, 2,604 px, so that every number is an answer, and as short as a wide screen, so that what
# is learnt there reaches them: rows, and tokens of the longer side.
STRIP_ROWS: Final = (2, 6)
STRIP_LENGTHS: Final = (26, 93)
STRIP_TOKENS: Final = 256
STRIP_EVERY: Final = 12
LONGEST: Final = 0.25
# Share of screens of which a part is shown, and, while grids have fewer than so many tokens, of simple ones.
CROPPED: Final = 0.2
SIMPLE: Final = 0.8
STRIPS_FROM: Final = 60
# The model reads (x1, y1), (x2, y2): a comma stands between each two numbers.
NUMBER_STEP: Final = 2
# What the words of an answer teach: its form, whether there is anything, and what it is.
NOT_TAUGHT, FORM, PRESENCE, NAME = range(4)
_PAIRS: Final = [(c, k) for k in KINDS for c in COLORS] + [(c, k) for k in SURFACES for c in NEUTRALS]
LABELS: Final = {pair: index for index, pair in enumerate(_PAIRS)}


@dataclass
class Batch:
    """A batch of B images of `rows` x `columns` tokens, Q questions each, N tokens an image.

    images: uint8 [B, H, W, 3]. tokens: [B, 1 + text] without the image. boxes: float [B, Q, 4] in model pixels.
    pointing: [B, Q, 5] offsets in the text: the token before each number, or the first four of a name; then the last
        before the answer.
    placed: [B, Q], 1 where the answer is a place.
    targets: [B, text] next tokens for the plain loss; roles: [B, text] what each teaches.
    edges: bool [B, Q, 5, N], what each of `pointing` has to look at.
    second: bool [B, Q, 5, N], what some of `pointing` have to look at a layer later: of a name, where its side or its
        place would come, the twin if there is one.
    offsets: [B, Q, 2] how far into its token a point is, right and down, in seventh parts; -1 where none is asked for.
    kinds: [B, N, K]. distances: [B, N, 8]. covered: [B, N, 2]. tops: [B, N, 4], what lies on top at the middle of each
        patch of a token, K where nothing does.
    """

    rows: int
    columns: int
    layout: Questions
    images: Tensor
    tokens: Tensor
    boxes: Tensor
    pointing: Tensor
    placed: Tensor
    targets: Tensor
    roles: Tensor
    edges: Tensor
    second: Tensor
    offsets: Tensor
    kinds: Tensor
    distances: Tensor
    covered: Tensor
    tops: Tensor


@lru_cache(maxsize=8192)
def encode(text: str) -> tuple[int, ...]:
    return tuple(TOKENIZER.encode(text).ids)


def _overlap(low: np.ndarray, high: np.ndarray, cells: int) -> np.ndarray:
    """Return [n, cells], the pixels that each span shares with each row (or column) of tokens."""
    start = np.arange(cells)[None] * TOKEN
    shared = np.minimum(high[:, None], start + TOKEN) - np.maximum(low[:, None], start)
    return np.clip(shared, 0, None)


def squeeze(distance: np.ndarray) -> np.ndarray:
    """Compress signed distances in pixels, so that far edges do not outweigh near ones."""
    return np.sign(distance) * np.log1p(np.abs(distance) / TOKEN)


def dense_labels(view: View, rows: int, columns: int) -> dict[str, np.ndarray]:
    """Label each token: the kinds that touch it, and the edges of the element and of the container on it."""
    boxes = view.boxes
    tall, wide = _overlap(boxes[:, 1], boxes[:, 3], rows), _overlap(boxes[:, 0], boxes[:, 2], columns)
    cover = (tall[:, :, None] * wide[:, None]).reshape(len(boxes), rows * columns)
    kinds = np.zeros((rows * columns, len(LABELS)), np.float32)
    for element, box, area in zip(view.elements, boxes, cover, strict=True):
        # The middle of a container does not show which it is.
        shown = edge_tokens(box, rows, columns).any(0) if element.kind in CONTAINERS else area > 0
        kinds[shown, LABELS[element.color, element.kind]] = 1
    y, x = (np.indices((rows, columns)).reshape(2, -1) + 0.5) * TOKEN
    inside = np.array([element.kind in CONTAINERS for element in view.elements], bool)
    distances, covered = np.zeros((rows * columns, 8), np.float32), np.zeros((rows * columns, 2), np.float32)
    for side, chosen in enumerate((~inside, inside)):
        if chosen.any():
            best = boxes[chosen][cover[chosen].argmax(0)]
            away = np.stack([x - best[:, 0], y - best[:, 1], best[:, 2] - x, best[:, 3] - y], 1)
            distances[:, 4 * side : 4 * side + 4] = squeeze(away)
            covered[:, side] = cover[chosen].max(0) > 0
    return {"kinds": kinds, "distances": distances, "covered": covered, "tops": top_labels(view, rows, columns)}


def top_labels(view: View, rows: int, columns: int) -> np.ndarray:
    """Return [rows * columns, 4], the label of the topmost element at the middle of each patch, token by token."""
    tops = np.full((2 * rows, 2 * columns), len(LABELS))
    spans = np.ceil((view.boxes - PATCH / 2) / PATCH).clip(0, 2 * max(rows, columns)).astype(int)
    for element, (left, above, right, below) in zip(view.elements, spans, strict=True):
        tops[above:below, left:right] = LABELS[element.color, element.kind]
    return tops.reshape(rows, 2, columns, 2).transpose(0, 2, 1, 3).reshape(rows * columns, 4)


def edge_tokens(box: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return bool [4, rows * columns], the tokens along the left, top, right and bottom edge of a box."""
    left, top = min(columns - 1, int(box[0] // TOKEN)), min(rows - 1, int(box[1] // TOKEN))
    right, bottom = min(columns - 1, math.ceil(box[2] / TOKEN) - 1), min(rows - 1, math.ceil(box[3] / TOKEN) - 1)
    marks = np.zeros((4, rows, columns), bool)
    marks[0, top : bottom + 1, left] = True
    marks[1, top, left : right + 1] = True
    marks[2, top : bottom + 1, right] = True
    marks[3, bottom, left : right + 1] = True
    return marks.reshape(4, -1)


def box_tokens(box: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return bool [rows * columns], the tokens that a box touches."""
    area = _overlap(box[None, 1], box[None, 3], rows)[0][:, None] * _overlap(box[None, 0], box[None, 2], columns)[0]
    return (area > 0).reshape(-1)


@dataclass(frozen=True)
class Block:
    """A question as tokens: `following` is taught with `roles`; the answer begins at offset `first`."""

    tokens: tuple[int, ...]
    following: tuple[int, ...]
    roles: tuple[int, ...]
    first: int


def block(asked: QuestionAnswer, whole: bool) -> Block:
    """Lay out one question; not `whole`: a place stops at the token before its last number."""
    before = encode(vocabulary.prompt_after_image(asked.question))
    said = encode(asked.answer)
    placed = asked.box is not None
    if placed and not whole:
        said = said[: 2 + 3 * NUMBER_STEP]
    tokens = before + said[:-1]
    following = (PAD,) * (len(before) - 1) + said
    roles = [NOT_TAUGHT] * (len(before) - 1) + [NAME if asked.names else FORM] * len(said)
    if placed:
        for number in range(4):
            roles[len(before) + NUMBER_STEP * number] = NOT_TAUGHT  # numbers have their own, smooth loss
    if not asked.names:
        roles[len(before) - 1] = PRESENCE
    return Block(tokens, following, tuple(roles), len(before))


def deciding(name: str) -> list[int]:
    """Return the indices, of a name's first four words, before its side or place, if any: "the" and the last."""
    last = len(re.split(" in | on ", name)[0].split()) - 1
    return [0, last] if last < 4 else [0]


def lay_out(
    asked: list[QuestionAnswer], blocks: list[Block], layout: Questions, grid: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Return tokens and labels of one screen's questions."""
    count, length, N = layout.count, layout.length, grid[0] * grid[1]
    start = len(PREFIX) + 1
    tokens, targets = np.full(start + count * length, PAD), np.full(start + count * length, PAD)
    tokens[:start], roles = [*PREFIX, CLOSING], np.zeros(start + count * length, np.int64)
    placed, boxes = np.zeros(count, np.float32), np.zeros((count, 4), np.float32)
    pointing, edges = np.zeros((count, 5), np.int64), np.zeros((count, 5, N), bool)
    second, offsets = np.zeros((count, 5, N), bool), np.full((count, 2), -1)
    for place, (one, laid) in enumerate(zip(asked, blocks, strict=True)):
        at = start + place * length
        tokens[at : at + len(laid.tokens)] = laid.tokens
        targets[at : at + len(laid.following)] = laid.following
        roles[at : at + len(laid.roles)] = laid.roles
        step = NUMBER_STEP if one.box is not None else 1
        last = len(laid.tokens) - 1
        pointing[place] = at + np.minimum([laid.first + step * n for n in range(4)] + [laid.first - 1], last)
        if one.box is not None:
            placed[place], boxes[place] = 1, one.box
        if one.point is not None:
            offsets[place] = np.array(one.point) % TOKEN * OFFSETS // TOKEN
        if one.look is not None:
            borders = edge_tokens(one.look, *grid)
            shown = borders.any(0) if one.hollow else box_tokens(one.look, *grid)
            edges[place, :4] = borders if one.box is not None else shown
            edges[place, 4] = shown
            if one.names:
                alike = [box_tokens(box, *grid) for box in one.twins]
                second[place, deciding(one.answer)] = np.any(alike, 0) if alike else shown
    return {
        "tokens": tokens, "targets": targets, "roles": roles, "placed": placed, "boxes": boxes,
        "pointing": pointing, "edges": edges, "second": second, "offsets": offsets,
    }  # fmt: skip


def pack(views: list[View], asked: list[list[QuestionAnswer]], rows: int, columns: int, *, whole: bool) -> Batch:
    """Lay out screens of one grid with their questions, all blocks as long as the longest."""
    # Room for as many questions as the screens have on average: the rest would mostly be padding.
    count = max(1, math.ceil(sum(map(len, asked)) / len(asked)))
    asked = [some[:count] for some in asked]
    blocks = [[block(one, whole) for one in some] for some in asked]
    longest = max((len(laid.tokens) for some in blocks for laid in some), default=1)
    layout = Questions(len(PREFIX), count, longest)
    collected: dict[str, list[np.ndarray]] = {f.name: [] for f in fields(Batch)[3:]}
    for view, some, laid in zip(views, asked, blocks, strict=True):
        labels = dense_labels(view, rows, columns) | lay_out(some, laid, layout, (rows, columns))
        for name, value in ({"images": view.pixels} | labels).items():
            collected[name].append(value)
    return Batch(rows, columns, layout, **{name: torch.from_numpy(np.stack(v)) for name, v in collected.items()})


def draw_grid(rng: np.random.Generator, fewest: int, most: int, aspect: float) -> tuple[int, int]:
    """Choose (rows, columns) of about this aspect, the amount of tokens uniform."""
    while True:
        area = rng.uniform(fewest, most + 1)
        rows, columns = math.floor(math.sqrt(area / aspect)), math.floor(math.sqrt(area * aspect))
        if rows >= 3 and columns >= 3 and fewest * 0.8 <= rows * columns <= most:
            return rows, columns


def draw_strip(rng: np.random.Generator) -> tuple[int, int]:
    """Choose (rows, columns) of a strip: some of the longest, the lengths of the others log-uniform."""
    columns = STRIP_LENGTHS[1]
    if rng.random() >= LONGEST:
        columns = round(math.exp(rng.uniform(*np.log(STRIP_LENGTHS))))
    return int(rng.integers(STRIP_ROWS[0], min(STRIP_ROWS[1], STRIP_TOKENS // columns) + 1)), columns


def make_batch(seed: int, step: int, lane: int, schedule: "Schedule", share: float) -> Batch:
    """Make the batch of one step at `share` of the run, from these arguments alone, so that a run can resume."""
    rng = np.random.default_rng([seed, step])
    fewest, most = schedule.tokens(share)
    if step % STRIP_EVERY == STRIP_EVERY - 1 and most >= STRIPS_FROM:
        rows, columns = draw_strip(rng)
        tall = rng.random() < 0.5
        images = max(2, min(schedule.most_images, round(schedule.image_tokens / (rows * columns))))
        if tall:
            views = [strip(rng, columns, rows) for _ in range(images)]
            rows, columns = columns, rows
        else:
            views = [strip(rng, rows, columns) for _ in range(images)]
    else:
        aspect = int(rng.integers(len(ASPECTS)))
        rows, columns = draw_grid(rng, fewest, most, ASPECTS[aspect])
        images = max(2, min(schedule.most_images, round(schedule.image_tokens / (rows * columns))))
        size = columns * TOKEN, rows * TOKEN
        early = most < STRIPS_FROM
        views = [
            simple(rng, size) if early and rng.random() < SIMPLE else draw(rng, step, lane, aspect, size, CROPPED)
            for _ in range(images)
        ]
    asked = [ask(rng, view, LEAST_SIDE, QUESTIONS, drilled=share < DRILLED) for view in views]
    return pack(views, asked, rows, columns, whole=rng.random() < WHOLE)


@dataclass(frozen=True)
class Schedule:
    """The schedule of sizes over a run; `phases` are (until this share of it, fewest, most tokens of an image)."""

    phases: tuple[tuple[float, int, int], ...]
    image_tokens: int
    most_images: int = 12

    def tokens(self, share: float) -> tuple[int, int]:
        """Return the minimum and maximum merged tokens of an image at `share` of the run."""
        for until, fewest, most in self.phases:
            if share < until:
                return fewest, most
        return self.phases[-1][1:]
