"""Evaluate a network on a few held-out screens during training."""

from functools import lru_cache
from typing import Final

import numpy as np
import torch

from data import NAME, PRESENCE, TOKENIZER, Batch, pack
from decode import decode, follow, hits, iou
from mlx_saccade.scenes import generate
from model import Net
from questions import ask, places
from screens import TOKEN, view
from vocabulary import NOTHING

GRIDS: Final = ((6, 11), (9, 16), (12, 21), (2, 93))
IMAGES: Final = 8
WIDE: Final = 28.0


@lru_cache(maxsize=1)
def _batches() -> list[tuple[Batch, Batch]]:
    """Return for each grid places of elements of at least 28 x 28 pixels, and the training's mixture of questions."""
    found = []
    for rows, columns in GRIDS:
        size, rng = (columns * TOKEN, rows * TOKEN), np.random.default_rng(rows)
        views = []
        for seed in range(900_000, 900_000 + IMAGES):
            scene = generate(seed, (round(2.2 * size[0]), round(2.2 * size[1])))
            views.append(view(scene, size))
        sought = pack(views, [places(v, WIDE, 8, rng) for v in views], rows, columns, whole=False)
        mixed = pack(views, [ask(rng, v, 16, 12) for v in views], rows, columns, whole=True)
        found.append((sought, mixed))
    return found


@torch.no_grad()
def report(net: Net) -> str:
    """Report IoU and hits by grid, and the share of right words."""
    net.eval()
    texts, words = [], []
    for sought, mixed in _batches():
        asked = sought.placed.numpy() > 0
        said, true = decode(net, sought).numpy()[asked], sought.boxes.numpy()[asked]
        texts.append(f"{sought.rows}x{sought.columns} {iou(said, true).mean():.3f}/{hits(said, true).mean():.2f}")
        words.append((follow(net, mixed), mixed.roles, mixed.targets, mixed.layout))
    present = [right[(roles == PRESENCE)] for right, roles, _, _ in words]
    nothing = TOKENIZER.token_to_id(NOTHING)
    kinds = torch.cat([t[r == PRESENCE] for _, r, t, _ in words])
    right = torch.cat(present)
    names, whole = 0, 0
    for ok, roles, _, layout in words:
        start = roles.shape[1] - layout.count * layout.length
        r, o = (t[:, start:].unflatten(1, (layout.count, layout.length)) for t in (roles == NAME, ok))
        named = r.any(-1)
        whole += int((o | ~r).all(-1)[named].sum())
        names += int(named.sum())
    net.train()
    found = kinds != nothing
    return (
        f"IoU/center {', '.join(texts)} | found {right[found].float().mean():.3f}, "
        f"nothing {right[~found].float().mean():.3f} | named {whole / max(1, names):.3f} of {names}"
    )
