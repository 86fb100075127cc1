"""Decode a network's answers during training, greedily, and score its boxes."""

import numpy as np
import torch
from torch import Tensor

from data import Batch
from geometry import geometry
from losses import patches, sequence_rows
from model import Net
from vocabulary import NUMBERS


@torch.no_grad()
def decode(net: Net, batch: Batch) -> Tensor:
    """Decode the four numbers of every question greedily; return int [B, Q, 4].

    The tokens between the numbers are given, as are those of the question; `mlx-saccade tiny evaluate` reads whole
    answers.
    """
    grid = geometry(batch.rows, batch.columns, batch.layout)
    inputs, rows = patches(batch.images, grid), sequence_rows(batch, grid)
    B, Q = batch.placed.shape
    tokens, said = batch.tokens.clone(), torch.zeros(B, Q, 4, dtype=torch.long)
    every, used = torch.arange(B)[:, None], batch.placed > 0
    for number in range(4):
        hidden = net(inputs, tokens, grid).hidden[every, rows.view(B, Q, 5)[..., number]]
        said[..., number] = net.lm_head(hidden)[..., :NUMBERS].argmax(-1)
        if number < 3:
            place = batch.pointing[..., number] + 1
            tokens[every.expand(B, Q)[used], place[used]] = said[..., number][used]
    return said


@torch.no_grad()
def follow(net: Net, batch: Batch) -> Tensor:
    """Return bool [B, text]: True where the next word of an answer has the highest probability."""
    grid = geometry(batch.rows, batch.columns, batch.layout)
    hidden = net(patches(batch.images, grid), batch.tokens, grid).hidden
    spoken = torch.cat([hidden[:, : grid.image_start], hidden[:, grid.image_start + grid.tokens :]], 1)
    return net.lm_head(spoken).argmax(-1) == batch.targets


def iou(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes [n, 4] with boxes [n, 4]; 0 where a predicted box is inside out."""
    low, high = np.maximum(found[:, :2], true[:, :2]), np.minimum(found[:, 2:], true[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    area = np.clip(found[:, 2:] - found[:, :2], 0, None).prod(1) + (true[:, 2:] - true[:, :2]).prod(1)
    return shared / np.maximum(area - shared, 1e-9)


def hits(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return True where the center of a predicted box is inside the true one."""
    center = (found[:, :2] + found[:, 2:]) / 2
    return ((center >= true[:, :2]) & (center < true[:, 2:])).all(1)
